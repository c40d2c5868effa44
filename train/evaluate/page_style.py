"""How the report looks: light and dark by the reader's system, one column on a telephone."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d1d22;--faint:#6b6b75;--line:#dddad2;
--card:#fff;--ours:#b5367a;--real:#3b7f8c;--good:#2f7d4f}
@media(prefers-color-scheme:dark){:root{--paper:#15151a;--ink:#e8e6e1;--faint:#a09ea7;
--line:#33323b;--card:#1d1d24;--ours:#f0699f;--real:#6fc3d2;--good:#7fcf9c}}
*{box-sizing:border-box}html{scroll-padding-top:3rem}
body{margin:0 auto;max-width:1080px;padding:2rem 1.2rem 4rem;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{margin:2.4rem 0 .6rem;font-size:1.2rem}
p{margin:.4rem 0;max-width:75ch}.faint,small{color:var(--faint)}small{font-size:.8rem}
nav{position:sticky;top:0;z-index:1;display:flex;gap:1.1rem;overflow-x:auto;white-space:nowrap;
margin-top:1rem;padding:.6rem 0;background:var(--paper);border-bottom:1px solid var(--line)}
nav a{color:var(--faint);text-decoration:none}nav a:hover{color:var(--ink)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
table.figures{table-layout:fixed}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--faint)}
td.number,th.number{width:9.5rem;text-align:right;font-variant-numeric:tabular-nums}
td.number b{color:var(--ours)}td.number small{display:inline-block}
details summary{cursor:pointer}td summary{margin-left:1em;list-style-position:outside}
td details small{display:block;margin-left:1.3em}details table{margin:.4rem 0 .8rem}
.grid{display:grid;gap:1rem;margin-top:1rem;
grid-template-columns:repeat(auto-fill,minmax(min(310px,100%),1fr))}
.grid.small{grid-template-columns:repeat(auto-fill,minmax(min(230px,100%),1fr))}
figure,.card{margin:0;padding:.8rem;background:var(--card);border:1px solid var(--line);
border-radius:8px}figcaption{font-size:.85rem;color:var(--faint)}
.card{display:flex;flex-direction:column;gap:.4rem}.card p{font-size:.85rem;margin:0 0 .3rem;
overflow-wrap:anywhere}.about{display:flex;gap:.8rem;flex:1}.about div{flex:1}
svg{display:block;width:100%}svg text{font-size:12px;fill:var(--faint)}.wave{height:46px}
.wave path{fill:var(--ours)}rect.ours{fill:var(--ours);opacity:.75}
rect.real{fill:var(--real);opacity:.55}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;vertical-align:-1px;
margin-right:.3em}.key+.key,span+.key{margin-left:.8em}
img{display:block;border-radius:3px}.spectrogram{width:100%;height:80px}
.matrix{width:84px;height:84px;image-rendering:pixelated;flex:none}
.grid+details,.scroll+details{margin-top:.8rem}
audio{width:100%;height:36px}.bad{color:var(--ours)}.good{color:var(--good)}
td.verdict,th.verdict{width:8.5rem;white-space:nowrap}
@media(max-width:640px){body{padding:1.2rem .8rem 3rem;font-size:14px}
th,td{padding:.35rem .3rem}td.number,th.number{width:5.2rem}td.verdict,th.verdict{width:6.4rem}}
"""
