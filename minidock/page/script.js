// Keeps the page current: the server sends the sections that have changed, as markup that it has made and escaped.
// What somebody has opened, moved or gone to stays as it is.
(() => {
  "use strict";
  const main = document.getElementById("main");

  // An element and all below it that are of one kind.
  function alike(element, tag) {
    return [element, ...element.querySelectorAll("*")].filter((one) => one.tagName === tag);
  }

  function remember(section) {
    const opened = new Map(), moved = new Map();
    for (const one of section.querySelectorAll("details[id]")) opened.set(one.id, one.open);
    for (const one of section.querySelectorAll(".scroll[id]")) moved.set(one.id, one.scrollLeft);
    const focused = section.contains(document.activeElement) ? document.activeElement : null;
    const holder = focused && focused.closest("[id]");
    const place = focused && alike(holder, focused.tagName).indexOf(focused);
    return { opened, moved, holder: holder && holder.id, tag: focused && focused.tagName, place };
  }

  function restore(section, known) {
    for (const one of section.querySelectorAll("details[id]")) {
      if (known.opened.has(one.id)) one.open = known.opened.get(one.id);
    }
    for (const one of section.querySelectorAll(".scroll[id]")) one.scrollLeft = known.moved.get(one.id) || 0;
    const holder = known.holder && document.getElementById(known.holder);
    if (!holder) return;
    const again = alike(holder, known.tag)[known.place];
    if (again) again.focus({ preventScroll: true });
  }

  function show(change) {
    const parser = new DOMParser();
    for (const [id, text] of Object.entries(change.sections)) {
      const section = parser.parseFromString(text, "text/html").body.firstElementChild;
      const old = document.getElementById(id);
      if (!old) {
        section.classList.add("fresh");
        main.append(section);
        continue;
      }
      const known = remember(old);
      // These stay themselves, and only change, so that who has the page read aloud hears of changes alone.
      const status = section.querySelector("#live");
      if (status) status.replaceWith(document.getElementById("live"));
      old.replaceChildren(...section.childNodes);
      restore(old, known);
    }
    for (const section of [...main.children]) {
      if (!change.order.includes(section.id)) section.remove();
    }
    change.order.forEach((id, at) => {
      const section = document.getElementById(id);
      if (section && main.children[at] !== section) main.insertBefore(section, main.children[at]);
    });
    tell(true);
  }

  function tell(connected) {
    const status = document.getElementById("live");
    if (!status) return;
    const text = connected ? "live" : "not connected";
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("lost", !connected);
  }

  const source = new EventSource("events");
  source.addEventListener("change", (event) => show(JSON.parse(event.data)));
  source.addEventListener("error", () => tell(false));
  source.addEventListener("open", () => tell(true));
})();
