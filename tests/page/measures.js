// What the tests measure in the browser: each function comes to plain data.

const measures = {
  // All texts whose contrast with what is behind them is below 4.5, as WCAG 2 counts it. What is behind a text is found
  // by asking which elements are at its middle; colours of any notation are read off a canvas.
  lowContrast() {
    const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const rgba = (colour) => {
      context.clearRect(0, 0, 1, 1); context.fillStyle = "rgba(0,0,0,0)"; context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data].map((value, at) => at < 3 ? value : value / 255);
    };
    const over = (top, below) => [0, 1, 2].map((at) => top[at] * top[3] + below[at] * (1 - top[3]));
    const light = (colour) => {
      const parts = colour.slice(0, 3).map((value) => value / 255)
        .map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const behind = (element, x, y) => {
      const layers = [];
      for (const one of document.elementsFromPoint(x, y)) {
        const style = getComputedStyle(one);
        if (one !== element && ["rect", "polygon"].includes(one.tagName)) { if (style.fill !== "none") layers.push(rgba(style.fill)); }
        else if (!(one instanceof SVGElement)) layers.push(rgba(style.backgroundColor));
        if (layers.length && layers.at(-1)[3] === 1) break;
      }
      return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
    };
    const low = [];
    const walker = document.createTreeWalker(document.getElementById("main"), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode, element = text.parentElement;
      if (!text.data.trim() || element.closest(".unseen, title") || !element.checkVisibility()) continue;
      const range = document.createRange(); range.selectNodeContents(text);
      let box = range.getClientRects()[0];
      if (!box || !box.width) continue;
      element.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
      box = range.getClientRects()[0];
      const style = getComputedStyle(element), svg = element instanceof SVGElement;
      const around = element.getBoundingClientRect(), shown = Math.min(box.right, around.right); // the rest is cut off
      const below = behind(element, (box.x + shown) / 2, box.y + box.height / 2);
      const ink = light(over(rgba(svg ? style.fill : style.color), below)), paper = light(below);
      const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      if (contrast < 4.5) low.push(`${contrast.toFixed(2)} ${text.data.trim().slice(0, 40)}`);
    }
    return low;
  },

  // Elements that stand out of the window to the right, except within what can be moved sideways.
  standingOut() {
    return [...document.querySelectorAll("#main *")].filter((one) => !one.closest(".scroll, .table, .unseen, svg"))
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
      .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`);
  },

  // Texts of drawings that are wider than their box, or lie on one another.
  crowded() {
    return [...document.querySelectorAll("svg.drawing")].filter((one) => one.checkVisibility()).flatMap((drawing) => {
      const texts = [...drawing.querySelectorAll("text")], boxes = texts.map((one) => one.getBoundingClientRect());
      const wide = texts.filter((one, at) => {
        const around = one.parentElement.querySelector("rect").getBoundingClientRect();
        return boxes[at].left < around.left - 0.5 || boxes[at].right > around.right + 0.5 || boxes[at].bottom > around.bottom + 0.5;
      });
      const pairs = texts.filter((_, at) => boxes.some((other, place) => place > at && boxes[at].left < other.right - 1
        && other.left < boxes[at].right - 1 && boxes[at].top < other.bottom - 2.5 && other.top < boxes[at].bottom - 2.5));
      return [...wide, ...pairs].map((one) => one.textContent);
    });
  },

  pills() {
    return [...document.querySelectorAll(".map .pill[data-kind]")].map((one) => ({
      kind: one.dataset.kind, inode: Number(one.dataset.inode), place: one.dataset.place, text: one.textContent}));
  },

  // Each line of the map, and whether its two ends are at the pills that it should join.
  edges() {
    return [...document.querySelectorAll(".map .edges path")].map((path) => {
      const {kind, inode, from, to} = path.dataset, matrix = path.getScreenCTM();
      const at = (length) => path.getPointAtLength(length).matrixTransform(matrix);
      const pill = (place) => {
        const found = [...document.querySelectorAll(".map .pill")].find((one) => one.dataset.kind === kind && one.dataset.place === place);
        const box = found.getBoundingClientRect();
        return {x: box.x + box.width / 2, top: box.top - 1, bottom: box.bottom + 1, inode: found.dataset.inode};
      };
      const touches = (point, one) => Math.abs(point.x - one.x) < 2 && point.y >= one.top && point.y <= one.bottom && one.inode === inode;
      const touching = touches(at(0), pill(from)) && touches(at(path.getTotalLength()), pill(to));
      return {kind, inode: Number(inode), from, to, touching};
    });
  },

  // Each cable, and whether its ends are in the boxes that it should join.
  cables() {
    return [...document.querySelectorAll("svg.drawing")].filter((one) => one.checkVisibility()).flatMap((drawing) =>
      [...drawing.querySelectorAll(".way[data-to]")].map((path) => {
        const matrix = path.getScreenCTM(), at = (length) => path.getPointAtLength(length).matrixTransform(matrix);
        const box = (node) => [...drawing.querySelectorAll("g.box")].find((one) => one.dataset.node === node);
        const touches = (point, node) => {
          const around = box(node).querySelector("rect").getBoundingClientRect();
          return point.x > around.left - 3 && point.x < around.right + 3 && point.y > around.top - 3 && point.y < around.bottom + 3;
        };
        const {from, to} = path.dataset, trunk = [...drawing.querySelectorAll("g.trunk")][0].dataset.node;
        const start = box(from) ? from : trunk;
        return {from, to, lines: [...box(to).querySelectorAll("text")].map((one) => one.textContent),
          port: box(from) ? box(from).querySelector("text").textContent : "",
          touching: touches(at(0), start) && touches(at(path.getTotalLength()), to)};
      }));
  },
};
