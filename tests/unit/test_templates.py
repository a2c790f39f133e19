"""What `--format` prints. The two long tables are what the docker client (28.2) printed for the same document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidock.cli.templates import parse
from minidock.cli.templates.documents import render
from minidock.cli.templates.errors import Misuse
from minidock.cli.templates.functions import FUNCTIONS
from minidock.cli.templates.values import Row
from minidock.errors import MinidockError

PROJECT = Path(__file__).parents[2]

DOCUMENT: dict[str, Any] = json.loads(r"""
{"Id":"abc1234567890000000000000000000000000000000000000000000000000000","Created":"2025-05-30T12:07:14.123456789Z",
"Path":"nginx","Args":["-g","daemon off;"],"State":{"Status":"running","Running":true,"Paused":false,
"Restarting":false,"OOMKilled":false,"Dead":false,"Pid":1234,"ExitCode":0,"Error":"",
"StartedAt":"2025-05-30T12:07:14.5Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{"Status":"healthy",
"FailingStreak":0,"Log":[{"Start":"2025-05-30T12:07:14.5Z","End":"2025-05-30T12:07:15Z","ExitCode":0,
"Output":"ok <&>\n"}]}},"Image":"sha256:1111111111111111111111111111111111111111111111111111111111111111",
"ResolvConfPath":"/r","HostnamePath":"/h","HostsPath":"/hs","LogPath":"/l","Name":"/web","RestartCount":2,
"Driver":"overlay2","Platform":"linux","MountLabel":"","ProcessLabel":"","AppArmorProfile":"","ExecIDs":null,
"HostConfig":{"Binds":null,"ContainerIDFile":"","LogConfig":{"Type":"json-file","Config":{}},"NetworkMode":"bridge",
"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},"RestartPolicy":{"Name":"on-failure",
"MaximumRetryCount":3},"AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[24,80],
"CapAdd":["NET_ADMIN"],"CapDrop":null,"Memory":67108864,"NanoCpus":1500000000,"PidsLimit":null,"OomKillDisable":null,
"Sysctls":{"net.a":"1"},"Ulimits":[{"Name":"nofile","Hard":10,"Soft":5}],"Devices":[],"Tmpfs":{"/t":"size=1"},
"ShmSize":67108864,"Init":true,"MemorySwappiness":null,"CgroupnsMode":"private"},
"GraphDriver":{"Data":{"UpperDir":"/u"},"Name":"overlay2"},"Mounts":[{"Type":"volume","Name":"data",
"Source":"/v/data","Destination":"/d","Driver":"local","Mode":"z","RW":true,"Propagation":""},{"Type":"bind",
"Source":"/etc","Destination":"/e","Mode":"","RW":false,"Propagation":"rprivate"}],"Config":{"Hostname":"h",
"Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"ExposedPorts":{"80/tcp":{}},
"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/bin","A=1 <b>"],"Cmd":["-g","daemon off;"],
"Image":"nginx","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":{"com.example":"yes","b":"2",
"html":"<a&b>"},"StopSignal":"SIGQUIT","Healthcheck":{"Test":["CMD","true"],"Interval":90000000000}},
"NetworkSettings":{"Bridge":"","SandboxID":"s","SandboxKey":"k","Ports":{"80/tcp":[{"HostIp":"0.0.0.0",
"HostPort":"8080"},{"HostIp":"::","HostPort":"8080"}],"443/tcp":null},"IPAddress":"172.17.0.2","IPPrefixLen":16,
"Networks":{"bridge":{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"02","NetworkID":"n",
"EndpointID":"e","Gateway":"172.17.0.1","IPAddress":"172.17.0.2","IPPrefixLen":16,"DNSNames":null},
"a_net":{"IPAddress":"10.0.0.2","IPPrefixLen":8}}}}
""")

# Template → output. A ⏎ is a new line, a ⇥ a tab.
RENDERED = r"""
{{print 1 2 "a" "b" 3}} → 1 2ab3
{{println nil}} → <nil>⏎
{{len .Config.Entrypoint}} → 0
{{index "abc" 1}} → 98
{{slice "abcdef" 2}}{{slice "abc" 1 2}} → cdefb
{{slice .Args 0 1}} → [-g]
{{.Config.Labels.zz.c}} → <no value>
{{range .State}}x{{end}} → xxxxxxxxxxxx
{{range .HostConfig.Binds}}x{{else}}none{{end}} → none
{{range 3}}{{.}},{{end}} → 0,1,2,
{{range $i, $e := .Args}}{{$i}}{{$e}}{{end}} → 0-g1daemon off;
{{range $p, $c := .NetworkSettings.Ports}}{{$p}}={{$c}};{{end}} → 443/tcp=[];80/tcp=[{0.0.0.0 8080} {:: 8080}];
{{index .NetworkSettings.Ports "81/tcp"}} → <no value>
{{index .NetworkSettings.Networks "zz"}} → <nil>
{{.HostConfig.PidsLimit}}|{{.HostConfig.Init}}|{{.HostConfig.OomKillDisable}} → <nil>|true|<nil>
{{.NetworkSettings.Networks.zz.IPAddress}} → <no value>
{{json 1.0}} {{json 1e21}} {{json 1e-7}} {{json true}} {{json nil}} → 1 1e+21 1e-7 true null
{{(index .State.Health.Log 0).Start}} → 2025-05-30 12:07:14.5 +0000 UTC
{{.Config.Healthcheck.Interval}} {{printf "%d" .Config.Healthcheck.Interval}} → 1m30s 90000000000
{{printf "%T %T %T %T %T" 1 "a" 1.5 true .Args}} → int string float64 bool []string
{{printf "%*d|%-*d|" 5 1 5 2}} →     1|2    |
{{printf "%s %v" .Config.Labels .State.Health.Status}} → map[b:2 com.example:yes html:<a&b>] healthy
{{printf "%#x %#o %#q %+q % d %#v" 255 8 "a" "é" 5 "x"}} → 0xff 010 `a` "\u00e9"  5 "x"
{{printf "%[2]s %[1]s" "a" "b"}} → b a
{{printf "%s" nil}} {{printf "%d" nil}} → %!s(<nil>) %!d(<nil>)
{{printf "%5t|%-7t|%5v|" true false nil}} →  true|false  |<nil>|
{{title "hello world foo-bar o'neil döb"}} {{upper "é"}} {{lower "ÀB"}} → Hello World Foo-Bar O'Neil Döb É àb
{{pad "a" 2 3}}| {{pad "" 2 3}}| {{truncate "abcdef" 3}} {{truncate "abc" 10}} →   a   | | abc abc
{{split "a,b,c" ","}} {{join (split "a,b" ",") "-"}} {{len (split "" ",")}} {{split "abc" ""}} → [a b c] a-b 1 [a b c]
{{and false (index .Args 99)}} {{or true (index .Args 99)}} → false true
{{if and .State.Running (eq .State.Status "running")}}yes{{else}}no{{end}} → yes
{{with .State.Health}}{{.Status}}{{else}}none{{end}} → healthy
{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}} → 2
{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}} → 1
{{range $i, $e := .Args}}{{if $i}}, {{end}}{{$e}}{{end}} → -g, daemon off;
{{- 3}} {{3 -}} x → 3 3x
 a {{- /* c */ -}} b →  ab
{{/* c */}}x → x
{{'a'}} {{'\n'}} {{0x1F}} {{010}} {{1_000}} {{-5}} {{+5}} {{1e3}} {{.5}} {{0b11}} → 97 10 31 8 1000 -5 5 1000 0.5 3
{{`raw\n`}} {{"a\tb\"\x41\101\u00e9"}} → raw\n a⇥b"AAé
{{$.Name}} {{range .Args}}{{$.Name}}{{end}} → /web /web/web
{{if eq .Name "/web" "/x"}}1{{else if true}}2{{else}}3{{end}} → 1
{{ .Name | printf "%s-%s" "a" }} → a-/web
{{index .Mounts 0}} → {volume data /v/data /d local z true }
{{eq nil nil}} {{eq .HostConfig.PidsLimit nil}} {{eq .Config.Entrypoint nil}} → true true true
{{index .State "Pid"}} → 1234
{{.NetworkSettings.Ports}} → map[443/tcp:[] 80/tcp:[{0.0.0.0 8080} {:: 8080}]]
{{print}}{{print "a"}}{{print .Args}}{{print nil 1}} → a[-g daemon off;]<nil> 1
{{"a" | print | }} → a
{{with 0}}{{else with 5}}{{.}}{{end}} → 5
{{eq "a" nil}} {{eq 1 nil}} → false false
{{range .Config.Labels}}{{.}}{{end}} → 2yes<a&b>
{{range $x := 2}}{{$x}}{{.}}{{end}} → 0011
{{$a := 1}}{{range $a = .Args}}{{end}}{{$a}} → daemon off;
{{range $i, $_ := .Args}}{{$i}}{{end}} → 01
{{printf "%d %s" (len .Args) .Name}} → 2 /web
{{printf "%+v" .HostConfig.RestartPolicy}} → {Name:on-failure MaximumRetryCount:3}
{{slice .State.StartedAt 0 10}} → 2025-05-30
{{println (index .Config.Labels "nope") "x"}} →  x⏎
{{len .Name}} {{len .Config.Labels}} {{len "döb"}} → 4 3 4
{{gt .RestartCount 1}} {{eq .RestartCount 2}} → true true
{{.State.Health.Status | upper | printf "%q"}} → "HEALTHY"
{{print "a" "b" 1 2 true nil "c"}} → ab1 2 true <nil>c
{{printf "%6.2f%%" 12.345}} →  12.35%
{{printf "%08b" 5}} {{printf "%-8d|" 5}} {{printf "%+.2e" 12345.678}} → 00000101 5       | +1.23e+04
{{printf "%x" -255}} {{printf "%c" 128512}} {{printf "%q" 128512}} {{printf "%U" 128512}} → -ff 😀 '😀' U+1F600
{{printf "%.3g" 1234.5}} {{printf "%.10g" 1234.5}} → 1.23e+03 1234.5
{{printf "%10v|%-10v|" .Args .Args}} → [        -g daemon off;]|[-g         daemon off;]|
{{printf "%05s|%-05d|%05d|%+05d" "a" 5 -5 5}} → 0000a|5    |-0005|+0005
{{printf "%.5d|%8.5d|%x|% x" 5 5 "hi" "hi"}} → 00005|   00005|6869|68 69
{{printf "%.*f" 2 3.14159}} {{printf "%*d" "a" 5}} → 3.14 %!(BADWIDTH)5
{{printf "%q" "é\x00\u200b\t'`"}} {{printf "%+q" "é"}} → "é\x00\u200b\t'`" "\u00e9"
{{printf "%5.1f|%-8.2f|%+.1f|%08.3f|% f" 3.14159 2.5 1.0 -3.14159 1.5}} →   3.1|2.50    |+1.0|-003.142| 1.500000
{{range .Mounts}}{{.Name}},{{.Driver}};{{end}} → data,local;,;
{{if .}}a{{else if .Foo}}b{{end}} → a
{{⏎.Name⏎}} → /web
{{range $i, $x := .Config.Env}}{{$i}}: {{$x}}⏎{{end}} → 0: PATH=/bin⏎1: A=1 <b>⏎
{{range .Config.Env}}{{println .}}{{end}} → PATH=/bin⏎A=1 <b>⏎
{{.State.Status}}/{{.State.Running}}/{{.State.ExitCode}}/{{.State.Pid}} → running/true/0/1234
{{json .Config.Healthcheck}} → {"Test":["CMD","true"],"Interval":90000000000}
{{join .Config.Env "\n"}} → PATH=/bin⏎A=1 <b>
{{join .Args ","}} → -g,daemon off;
{{.Name | printf "%.3s"}} → /we
{{index .Config.Labels "com.example"}} → yes
{{.Config.Labels.nope}} → <no value>
{{json .Config.Env}}{{json .Args}} → ["PATH=/bin","A=1 <b>"]["-g","daemon off;"]
{{if or .State.Paused .State.Restarting}}x{{else}}y{{end}} → y
{{with .Config.Entrypoint}}{{.}}{{else}}no entrypoint{{end}} → no entrypoint
{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}} → 0 ok <&>⏎
{{range $i, $m := .Mounts}}{{if gt $i 0}},{{end}}{{$m.Destination}}{{end}} → /d,/e
{{ .Name -}} | {{- .Path }} → /web|nginx
{{-3}} {{- 3}} {{3 -}} → -33 3
{{.Name}}}} → /web}}
}}{{.Name}} → }}/web
{{printf "%s" | printf}} → %!!(MISSING)s(MISSING)
{{not nil}} {{not .Config.Labels.zz}} → true true
{{range .Config.Labels.zz}}a{{else}}b{{end}} → b
{{range 0}}a{{else}}b{{end}} {{range -1}}a{{else}}b{{end}} → b b
{{$i := 0}}{{$x := ""}}{{range $i, $x = .Args}}{{end}}{{$i}}{{$x}} → 1daemon off;
{{eq 1 1 }} {{eq "a" "b" "a"}} {{eq 1.5 1.5}} {{eq true true}} {{ne "a" "a"}} → true true true true false
{{index "é" 0}} {{slice "éa" 2}} → 195 a
{{printf "%v" (split "a b" " ")}} {{printf "%q" (split "a b" " ")}} → [a b] ["a" "b"]
{{printf "%s %s" "a"}} {{printf "" 1}} {{printf "%%"}} {{printf "%5%"}} → a %!s(MISSING) %!(EXTRA int=1) % %
{{printf "%3c|%-3c|%q" 65 65 10}} →   A|A  |'\n'
{{printf "%+v %+d % d" 5 5 5}} {{printf "%x" "é"}} → 5 +5  5 c3a9
{{printf "%6.3v|%6.1v|%.2v" 3.14159 "abc" "abc"}} →   3.14|     a|ab
{{printf "%w" "a"}} {{printf "%p" "a"}} {{printf "%é" 1}} → %!w(string=a) %!p(string=a) %!é(int=1)
{{printf "%5q|%-5q|%.1q" "a" "b" "cd"}} →   "a"|"b"  |"c"
{{printf "%010s|%-010d|%+05d|% 5d|%05.1f" "abc" 5 5 5 2.25}} → 0000000abc|5         |+0005|    5|002.2
{{printf "%e %.0e %E" 0.0 15.0 1e-10}} → 0.000000e+00 2e+01 1.000000E-10
{{printf "%g %g %g %g" 0.0001 0.00001 123456.0 1234567.0}} → 0.0001 1e-05 123456 1.234567e+06
{{printf "%.0f %.1f %.3g %.3g" 2.5 0.25 0.00012345 1234567.0}} → 2 0.2 0.000123 1.23e+06
{{printf "%b %b" 5 -5}} {{printf "%o %O %X" 8 8 -255}} {{printf "%#b %#X" 5 255}} → 101 -101 10 0o10 -FF 0b101 0XFF
{{pad "é" 1 1}}|{{pad .Name 0 0}}| →  é |/web|
{{join (split "a,b,c" ",") ", "}} {{split "a" "a"}} {{split "" ""}} {{len (split "" "")}} → a, b, c [ ] [] 0
{{println}}| {{print}}| {{print ""}}| {{print "" 1 2}} → ⏎| | | 1 2
{{lt "a" "b" | not}} → false
{{((((1))))}} → 1
{{(1 | print) | print}} → 1
{{range 3}}{{if eq . 1}}{{continue}}{{end}}{{.}}{{end}} → 02
{{range 3}}{{with .}}{{break}}{{end}}{{.}}x{{end}} → 0x
{{/* */}}{{/*a*/}}b{{- /**/ -}} c → bc
{{true | print}} {{print true | printf "%v"}} → true true
{{print .HostConfig.PidsLimit}} {{println .Config.Entrypoint .Config.Volumes}} → <nil> [] map[]⏎
{{print .State.Running .State.Pid "x" .State.Pid .State.Pid}} → true 1234x1234 1234
{{print 1 .Args 2}} {{print "a" .Args "b"}} → 1 [-g daemon off;] 2 a[-g daemon off;]b
{{.HostConfig.Binds}} {{json .HostConfig.Binds}} {{len .HostConfig.Binds}} → [] null 0
{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}} → on-failure:3
{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Timeout}} → [CMD true] 0s
{{json .Config.Volumes}} {{json .Config.Entrypoint}} {{json "a<b>\u2028\x01\b"}} → null null "a<b>\u2028\u0001\b"
{{printf "%5d|%-5d|%05d|%+d|%x|%X" 1 2 3 4 255 255}} →     1|2    |00003|+4|ff|FF
{{printf "%s|%10s|%-10s|%.2s" "a" "b" "c" "defg"}} → a|         b|c         |de
{{printf "%q|%x|%X" "h\"\n" "ij" "ij"}} → "h\"\n"|696a|696A
{{printf "%d" "a"}} {{printf "%s" 1}} {{printf "%z" 1}} → %!d(string=a) %!s(int=1) %!z(int=1)
{{printf "%v %v %v %v %v %t" 1 "a" true nil 1.5 true}} → 1 a true <nil> 1.5 true
{{printf "%f %.2f %8.3f %e" 1.5 2.345 3.14159 12345.678}} → 1.500000 2.35    3.142 1.234568e+04
{{printf "%v %v %v %v" 1e6 123456.0 1e-5 12345678.9}} → 1e+06 123456 1e-05 1.23456789e+07
{{printf "%d" .Args}} → [%!d(string=-g) %!d(string=daemon off;)]
{{range $k, $v := .HostConfig.RestartPolicy}}{{$k}}={{$v}} {{end}}| → MaximumRetryCount=3 Name=on-failure |
{{range $p, $c := .NetworkSettings.Ports}}{{$p}}:{{range $c}}{{.HostPort}} {{end}}{{end}}| → 443/tcp:80/tcp:8080 8080 |
{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}}| → json-file |
{{json .HostConfig.PortBindings}} → {"80/tcp":[{"HostIp":"","HostPort":"8080"}]}
{{printf "%5.1f|%-8.2f|%+.1f|%08.3f" 3.14159 2.5 1.0 -3.14159}} →   3.1|2.50    |+1.0|-003.142
{{printf "%x" -255}} {{printf "%c" 128512}} {{printf "%U" 128512}} → -ff 😀 U+1F600
{{slice .ID 0 12}} → abc123456789
{{range $i, $x := .Config.Env}}{{$i}}: {{println $x}}{{end}}| → 0: PATH=/bin⏎1: A=1 <b>⏎|
{{printf "%d"}} {{printf "a" 1 "b"}} {{printf "%!"}} → %!d(MISSING) a%!(EXTRA int=1, string=b) %!!(MISSING)
{{.Config.Volumes}} {{.Config.ExposedPorts}} {{.Config.Env}} → map[] map[80/tcp:{}] [PATH=/bin A=1 <b>]
{{json -0.0}} {{json 1e20}} {{json 1e-6}} {{json 123456789.123}} → -0 100000000000000000000 0.000001 123456789.123
{{printf "%[1]d %[1]s" 1}} {{printf "%[x]d" 1}} {{printf "%[1" 1}} → 1 %!s(int=1) %!d(BADINDEX) %!(NOVERB)
{{.SizeRw}} {{.HostConfig.StorageOpt}} {{.Config.Shell}} {{.Config.Healthcheck.Retries}} → <nil> map[] [] 0
{{range $a := .Args}}{{range $b := $.Args}}{{$a}}{{end}};{{end}} → -g-g;daemon off;daemon off;;
{{range .Mounts}}{{.Type}}:{{.Source}}->{{.Destination}} {{.RW}};{{end}} → volume:/v/data->/d true;bind:/etc->/e false;
"""

# Template → error, without `template parsing error: template: `.
REFUSED = r"""
{{len .Config.Labels.zz}} → :1:13: executing "" at <.Config.Labels.zz>: map has no entry for key "zz"
{{index .Config.Cmd 5}} → :1:2: executing "" at <index .Config.Cmd 5>: error calling index: index out of range: 5
{{index nil 1}} → :1:2: executing "" at <index nil 1>: error calling index: index of untyped nil
{{upper 1}} → :1:8: executing "" at <1>: expected string; found 1
{{1 | upper}} → :1:6: executing "" at <upper>: wrong type for value; expected string; got int
{{eq 1 "a"}} → :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison
{{eq 1}} → :1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison
{{eq}} → :1:2: executing "" at <eq>: wrong number of args for eq: want at least 1 got 0
{{lt .Args 1}} → :1:2: executing "" at <lt .Args 1>: error calling lt: invalid type for comparison
{{"a" "b"}} → :1:2: executing "" at <"a">: can't give argument to non-function "a"
{{nil}} → :1:2: executing "" at <nil>: nil is not a command
{{.Name "b"}} → :1:2: executing "" at <.Name>: Name is not a method but has arguments
{{range "abc"}}{{.}},{{end}} → :1:8: executing "" at <"abc">: range can't iterate over abc
{{and true (index .Args 99)}} → :1:12: executing "" at <index .Args 99>: error calling index: index out of range: 99
{{break}} → :1: {{break}} outside {{range}}
{{len 5}} → :1:2: executing "" at <len 5>: error calling len: len of type int
{{.Foo → :1: unclosed action
{{.Foo} → :1: bad character U+007D '}'
{{if}}x{{end}} → :1: missing value for if
{{if .A}}x → :1: unexpected EOF
{{end}} → :1: unexpected {{end}}
{{else}} → :1: unexpected {{else}}
{{foo}} → :1: function "foo" not defined
{{$x}} → :1: undefined variable "$x"
{{}} → :1: missing value for command
{{| .A}} → :1: unexpected "|" in command
{{.A | 5}} → :1: non executable command in pipeline stage 2
{{"abc}} → :1: unterminated quoted string
{{'ab'}} → :1: malformed character constant: 'ab'
{{`abc}} → :1: unterminated raw quoted string
{{/* abc}} → :1: unclosed comment
{{/* abc */ x}} → :1: comment ends before closing delimiter
{{(.A}} → :1: unclosed left paren
{{.A)}} → :1: unexpected right paren
{{.A!}} → :1: bad character U+0021 '!'
{{.A é}} → :1: function "é" not defined
{{5a}} → :1: bad number syntax: "5a"
{{9223372036854775808}} → :1:2: executing "" at <9223372036854775808>: 9223372036854775808 overflows int
{{1e999}} → :1: illegal number syntax: "1e999"
{{"\q"}} → :1: invalid syntax
{{.A.5}} → :1: unexpected ".5" in operand
{{"a".B}} → :1: unexpected . after term "\"a\""
{{range $x, $y, $z := .A}}{{end}} → :1: too many declarations in range
{{range $x, .A}}{{end}} → :1: range can only initialize variables
{{if .A}}{{else}}{{else}}{{end}} → :1: expected end; found {{else}}
{{if .A}}{{else if}}{{end}} → :1: missing value for if
{{.A,}} → :1: unexpected "," in operand
{{:}} → :1: expected :=
{{$x := 1 := 2}} → :1: unexpected ":=" in operand
{{.A = 1}} → :1: unexpected "=" in operand
{{if .A}}{{end .B}} → :1: unexpected ".B" in end
{{len 1 2}} → :1:2: executing "" at <len>: wrong number of args for len: want 1 got 2
{{1.2.3}} → :1: unexpected ".3" in operand
{{.Namé}} → :1:2: executing "" at <.Namé>: map has no entry for key "Namé"
{{(print 1) 2}} → :1:2: executing "" at <(print 1) 2>: can't give argument to non-function print 1
{{print (nil)}} → :1:9: executing "" at <nil>: nil is not a command
{{print ()}} → :1: missing value for parenthesized pipeline
{{.Name.}} → :1: unexpected <.> in operand
{{break 1}} → :1: unexpected "1" in {{break}}
{{continue}} → :1: {{continue}} outside {{range}}
{{with 0}}{{else if 5}}{{.}}{{end}} → :1: unexpected <if> in input
{{pad "a" "b" 1}} → :1:10: executing "" at <"b">: expected integer; found "b"
{{pad "a" .Name 1}} → :1:10: executing "" at <.Name>: wrong type for value; expected int; got string
{{join "a" "b"}} → :1:7: executing "" at <"a">: can't handle "a" for arg of type []string
{{upper nil}} → :1:8: executing "" at <nil>: cannot assign nil to string
{{$x := .Foo}} → :1:8: executing "" at <.Foo>: map has no entry for key "Foo"
{{"%d"}} {{.Foo "%"}} → :1:11: executing "" at <.Foo>: Foo is not a method but has arguments
a⏎  {{- if .Foo }}⏎ x {{ end -}} ⏎b → :2:9: executing "" at <.Foo>: map has no entry for key "Foo"
{{⏎.Foo → :2: unclosed action started at :1
{{if .⏎}} → :2: unexpected EOF
{{"a⏎b"}} → :1: unterminated quoted string
{{`a⏎b`}}|{{.Foo}} → :2:7: executing "" at <.Foo>: map has no entry for key "Foo"
⏎⏎ {{.Foo}} → :3:3: executing "" at <.Foo>: map has no entry for key "Foo"
é {{.Foo}} → :1:5: executing "" at <.Foo>: map has no entry for key "Foo"
{{$x := .State}}{{$x.Pid}}{{$x.Foo}} → :1:30: executing "" at <$x.Foo>: map has no entry for key "Foo"
{{{.Name}}} → :1: unexpected "{" in command
{{with $x, $y := .}}{{end}} → :1: too many declarations in with
{{if $x := .Name}}{{$x}}{{else}}{{$x}}{{end}}{{$x}} → :1: undefined variable "$x"
{{1__0}} → :1: illegal number syntax: "1__0"
{{print (1) (2)}} {{print(1)(2)}} → :1: unexpected "(" in operand
{{if 1}}a{{else 1}}b{{end}} → :1: unexpected "1" in else
{{- → :1: illegal number syntax: "-"
{{.ID | slice 0}} → :1:2: executing "" at <.ID>: map has no entry for key "ID"
{{.State.Health.Foo}} → :1:8: executing "" at <.State.Health.Foo>: map has no entry for key "Foo"
{{index .State 1}} → :1:2: executing "" at <index .State 1>: error calling index: value has type int; should be string
"""


def table(text: str) -> list[tuple[str, str]]:
    lines = [line.replace("⏎", "\n").replace("⇥", "\t").split(" → ") for line in text.strip().splitlines()]
    return [(template, result) for template, result in lines]


@pytest.mark.parametrize(("template", "text"), table(RENDERED))
def test_a_template_renders_as_the_docker_client_does(template: str, text: str) -> None:
    assert render(parse(template), DOCUMENT) == text


@pytest.mark.parametrize(("template", "complaint"), table(REFUSED))
def test_a_template_that_docker_refuses_is_refused_in_its_words(template: str, complaint: str) -> None:
    with pytest.raises(MinidockError) as error:
        render(parse(template), DOCUMENT)
    assert error.value.message == f"template parsing error: template: {complaint}"


# Where we differ ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{.State.Health.Log}}", "[{2025-05-30 12:07:14.5 +0000 UTC 2025-05-30 12:07:15 +0000 UTC 0 ok <&>\n}]"),
        ("{{print .HostConfig.Init}}", "true"),  # Docker prints addresses in its memory
        ('{{truncate "döb" 2}}', "d\ufffd"),  # and half characters
        ('{{printf "%v" .HostConfig.RestartPolicy}}', "{on-failure 3}"),
        ("{{.HostConfig.CapDrop}}", "[]"),
    ],
)
def test_values_are_shown_where_docker_shows_addresses_and_broken_text(template: str, text: str) -> None:
    assert render(parse(template), DOCUMENT) == text


@pytest.mark.parametrize("keyword", ["define", "template", "block"])
def test_templates_in_templates_are_refused_by_name(keyword: str) -> None:
    with pytest.raises(MinidockError, match=f"{{{{{keyword}}}}} is not supported"):
        parse(f'{{{{{keyword} "x"}}}}')


# Documents ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["{{.State.Health}}", "{{.HostConfig.Init}}", "{{.Config.Healthcheck}}"])
def test_what_a_document_may_leave_out_is_nil(template: str) -> None:
    bare: dict[str, Any] = {"State": {"Status": "running"}, "HostConfig": {}, "Config": {}}
    assert render(parse(template), bare) == "<nil>"
    assert render(parse(f"{{{{if {template[2:-2]}}}}}yes{{{{else}}}}no{{{{end}}}}"), bare) == "no"


def test_what_may_be_left_out_depends_on_the_kind_of_document() -> None:
    assert render(parse("{{.Status}}"), {"Mountpoint": "/"}) == "map[]"
    assert render(parse("{{.Variant}}"), {"RootFS": {}}) == ""
    with pytest.raises(MinidockError, match="no entry"):  # of a container people often mean .State.Status
        render(parse("{{.Status}}"), {"State": {}})


def test_the_names_of_dockers_types_work_as_those_of_its_json() -> None:
    document = {"Id": "abc", "HostConfig": {"Dns": ["1.1.1.1"]}, "Ports": {"80/tcp": [{"HostIp": "::"}]}}
    template = "{{.ID}} {{.HostConfig.DNS}} {{range .Ports}}{{(index . 0).HostIP}}{{end}}"
    assert render(parse(template), document) == "abc [1.1.1.1] ::"


def test_a_plain_map_has_no_value_for_what_it_lacks_unless_that_is_asked_for() -> None:
    template = parse("{{.a}} {{.b}}")
    assert template.render({"a": 1}) == "1 <no value>"
    with pytest.raises(MinidockError, match='map has no entry for key "b"'):
        template.render({"a": 1}, strict=True)


# Rows -----------------------------------------------------------------------------------------------------


def row(calls: list[str]) -> Row:
    def size() -> str:
        calls.append("size")
        return "1.2kB"

    labels = {"com.example": "yes"}
    return Row({"ID": "abc", "Size": size, "Label": lambda name: labels.get(name, "")}, ("ID", "Size"))


def test_a_field_that_is_a_function_is_called_only_when_it_is_shown() -> None:
    calls: list[str] = []
    assert parse("{{.ID}}").render(row(calls)) == "abc"
    assert calls == []
    assert parse("{{.Size}}").render(row(calls)) == "1.2kB"
    assert calls == ["size"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{{.Label "com.example"}}|{{.Label "x"}}|', "yes||"),
        ('{{"com.example" | .Label}}', "yes"),
        ('{{upper (.Label "com.example")}}', "YES"),
        ('{{if .Label "x"}}a{{else}}b{{end}}', "b"),
        ("{{json .}}", '{"ID":"abc","Size":"1.2kB"}'),
        ("{{json .Size}}", '"1.2kB"'),
    ],
)
def test_a_field_that_is_a_function_gets_the_arguments_of_the_template(template: str, text: str) -> None:
    assert parse(template).render(row([])) == text


@pytest.mark.parametrize(
    "template", ["{{.Label}}", '{{.Label "a" "b"}}', '{{.Label (split "a" "b")}}', '{{.Size "x"}}']
)
def test_arguments_that_do_not_fit_a_function_are_an_error(template: str) -> None:
    with pytest.raises(MinidockError, match="wrong arguments for"):
        parse(template).render(row([]))


def test_a_field_that_a_row_lacks_is_an_error() -> None:
    with pytest.raises(MinidockError, match="can't evaluate field Foo in type row"):
        parse("{{.Foo}}").render(row([]))


# Hostile templates ----------------------------------------------------------------------------------------

LONG = '{{$x := printf "%999999s" "a"}}'


@pytest.mark.parametrize(
    "template",
    [
        "{{range 99999999}}{{end}}",
        "{{range 99999}}{{range 99999}}{{end}}{{end}}",
        '{{$x := "a"}}{{range 99999}}{{$x = print $x $x}}{{end}}',
        LONG + "{{range 99999}}{{$x = json $x}}{{end}}",
        LONG + '{{join (split $x "") $x}}',
        LONG + '{{printf "' + "%[1]s" * 999 + '" $x}}',
        LONG * 99,
        '{{printf "%9999999d" 1}}',
        '{{printf "%.9999999f" 1.5}}',
        '{{pad "a" 99999999 0}}',
        "{{" + "(" * 9999 + "1" + ")" * 9999 + "}}",
        "{{if 1}}" * 9999 + "{{end}}" * 9999,
        "{{" + "9" * 9999 + "}}",
        "{{.A" + ".B" * 9999 + "}}",
    ],
)
def test_a_template_that_asks_for_too_much_is_refused_soon(template: str) -> None:
    with pytest.raises(MinidockError):
        parse(template).render({"A": None})  # without bounds these would take years, or all of the memory


def test_data_that_are_nested_too_deeply_are_an_error() -> None:
    data: list[Any] = []
    for _ in range(5000):
        data = [data]
    for template in ("{{.}}", "{{json .}}", '{{printf "%q" .}}'):
        with pytest.raises(MinidockError, match="nested too deeply"):
            parse(template).render(data)


PIECES = st.sampled_from(
    [
        *("{{", "}}", "{{-", "-}}", "(", ")", "|", " ", "\n", ",", ":=", "=", "$", "$x", ".", "/*", "*/", "\\", "\x00"),
        *("if ", "else", "else if ", "end", "range ", "with ", "break", "continue", "define", "nil", "true", "'a'"),
        *('"a"', '"%*d"', '"%[9]s"', '"%-+# 09.9v"', "`raw`", "0x1F", "-1", "1.5", "1e400", "9" * 30, "é", "\ud800"),
        *(".Name", ".Config.Labels", ".Args", ".Mounts", ".State", ".Nope", ".HostConfig.PidsLimit", ".Config.Env"),
        *FUNCTIONS,
    ]
)
ACTIONS = st.lists(PIECES, max_size=6).map(lambda words: "{{" + " ".join(words) + "}}")
BLOCKS = st.tuples(
    st.sampled_from(["if", "with", "range", "range $i, $x :="]), PIECES, st.lists(ACTIONS, max_size=3)
).map(lambda parts: "{{" + f"{parts[0]} {parts[1]}" + "}}" + "".join(parts[2]) + "{{end}}")


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.one_of(PIECES, ACTIONS, BLOCKS), max_size=8).map("".join)))
def test_whatever_is_typed_ends_in_a_text_or_in_an_error_for_people(template: str) -> None:
    try:
        render(parse(template), DOCUMENT).encode()
    except MinidockError as error:
        assert error.message.startswith("template parsing error: template: :")


@settings(max_examples=200, deadline=None)
@given(
    st.text("%+-# 0123456789.*[]vTtbcdoqxXUeEfFgGsé", max_size=12), st.lists(st.sampled_from([1, -1, 0.5, "é", None]))
)
def test_whatever_the_format_printf_gives_a_text(form: str, values: list[Any]) -> None:
    try:
        FUNCTIONS["printf"].do(form, *values).encode()
    except Misuse as error:
        assert "too wide" in str(error) or "too long" in str(error)


# Start-up -------------------------------------------------------------------------------------------------


def test_formats_need_none_of_the_modules_that_are_slow_to_import() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import minidock.cli.templates.documents, minidock.cli.tables; "
    code += "print(*sys.modules)"
    found = run([sys.executable, "-I", "-S", "-c", code, str(PROJECT)], capture_output=True, text=True, check=True)
    slow = {"re", "json", "typing", "dataclasses", "enum", "datetime", "collections", "functools", "decimal"}
    assert slow.isdisjoint(found.stdout.split())
