"""How the page looks: light and dark, on a phone and on paper; nothing is loaded from anywhere."""

from typing import Final

CSS: Final = """
:root {
  color-scheme: light dark;
  --paper: #f7f6f3; --card: #ffffff; --ink: #1d2125; --soft: #5c636b; --line: #e4e2dc;
  --grow: #6b74c9; --grow-pale: #d3d6ef; --talk: #14807a; --talk-pale: #bfdedb;
  --alarm: #9a4a08; --alarm-pale: #fdf0e1; --good: #11665f; --good-pale: #e3f2f0;
  --calm: #4b535b; --calm-pale: #eeedea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1c2024; --ink: #e8e6e1; --soft: #a0a7ae; --line: #2f353b;
    --grow: #99a1ee; --grow-pale: #3a3f63; --talk: #4fc0b6; --talk-pale: #24504d;
    --alarm: #f4b06a; --alarm-pale: #3a2a17; --good: #6fd0c6; --good-pale: #17332f;
    --calm: #b6bcc2; --calm-pale: #2a2f34;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  -webkit-text-size-adjust: 100%;
}
main, header, footer { max-width: 46rem; margin: 0 auto; }
h1, h2, h3, p, ol, ul, dl, figure { margin: 0; }
h1 { font-size: 1.35rem; letter-spacing: -.01em; }
header p, footer, .soft { color: var(--soft); }
header p { font-size: .9rem; }
a { color: inherit; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  padding: 1.25rem; margin-top: 1rem;
}
.all { padding: .25rem 1.25rem; }
.all ul { list-style: none; padding: 0; }
.all li + li { border-top: 1px solid var(--line); }
.all a {
  display: flex; flex-wrap: wrap; gap: .1rem .75rem; align-items: baseline;
  padding: .6rem 0; text-decoration: none;
}
.all b { flex: 1 1 9rem; overflow-wrap: anywhere; }
.all .soft { flex: 0 0 100%; font-size: .85rem; }
.kind { font-size: .85rem; font-weight: 600; white-space: nowrap; }
.alarming .kind, .alarming h3 { color: var(--alarm); }
.good .kind, .good h3 { color: var(--good); }
.calm .kind, .calm h3 { color: var(--calm); }
h2 { font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
h2 small { font-weight: 400; color: var(--soft); }
.finding { margin: .75rem -1.25rem 0; padding: 1rem 1.25rem; }
.alarming .finding { background: var(--alarm-pale); }
.good .finding { background: var(--good-pale); }
.calm .finding { background: var(--calm-pale); }
.finding h3 { font-size: 1.6rem; line-height: 1.2; letter-spacing: -.02em; }
.finding p { margin-top: .4rem; font-size: 1.05rem; }
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem 1.5rem; margin-top: 1.25rem; }
figcaption { font-size: .85rem; color: var(--soft); }
.big { font-size: 1.6rem; font-weight: 600; letter-spacing: -.02em; line-height: 1.2; }
.big + .soft { font-size: .8rem; min-height: 2.4em; }
.charts svg { display: block; width: 100%; height: auto; margin-top: .5rem; overflow: visible; }
.grow rect { fill: var(--grow-pale); } .grow rect.now { fill: var(--grow); }
.talk rect { fill: var(--talk-pale); } .talk rect.now { fill: var(--talk); }
.usual { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 2 3; opacity: .55; }
polyline {
  fill: none; stroke: var(--calm); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round;
}
circle { fill: var(--calm); }
.grow polyline { stroke: var(--grow); } .grow circle { fill: var(--grow); }
.talk polyline { stroke: var(--talk); } .talk circle { fill: var(--talk); }
.people { margin-top: 1.5rem; }
.pairs { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
.people h4, .numbers caption {
  margin: 0; font-size: .95rem; font-weight: 600; text-align: left; padding: 0 0 .25rem;
}
.people h4 span { font-weight: 400; color: var(--soft); }
.people ol { list-style: none; padding: 0; }
.people li { padding: .4rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.people li span { display: block; font-size: .9rem; color: var(--soft); }
.people .soft { font-size: .85rem; padding-top: .4rem; border-top: 1px solid var(--line); }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .92em; }
.numbers { width: 100%; border-collapse: collapse; margin-top: 1.5rem; font-size: .9rem; }
.numbers th, .numbers td {
  padding: .4rem 0 .4rem .6rem; text-align: right; border-top: 1px solid var(--line);
  font-variant-numeric: tabular-nums; vertical-align: baseline;
}
.numbers thead th { border-top: 0; font-weight: 400; font-size: .8rem; color: var(--soft); }
.numbers th:first-child { text-align: left; padding-left: 0; font-weight: 400; }
.numbers td:nth-child(2) { font-weight: 600; }
.numbers td:nth-child(3) { color: var(--soft); }
.numbers td.trend { vertical-align: middle; }
.spark { display: block; width: 4rem; height: 1.125rem; margin-left: auto; }
footer { margin-top: 2rem; font-size: .85rem; }
footer dl { margin-top: .5rem; } footer dt { color: var(--ink); font-weight: 600; float: left; }
footer dd { margin: 0; } footer dt::after { content: ":\\00a0"; }
@media (max-width: 30rem) {
  body { padding: 1rem .75rem 2rem; }
  .card { padding: 1rem; } .all { padding: .25rem 1rem; }
  .finding { margin-inline: -1rem; padding: .9rem 1rem; }
  .charts { gap: 1.25rem 1rem; }
  .pairs { grid-template-columns: 1fr; }
  .trend { display: none; }
  .numbers { font-size: .85rem; } .numbers small { display: block; }
}
@media print {
  body { background: #fff; padding: 0; } .card { border: 0; padding: 0; margin-top: 2rem; }
  .people li, figure, tr { break-inside: avoid; }
}
"""
