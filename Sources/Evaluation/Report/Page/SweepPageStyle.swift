/// The CSS rules that only a report on sweeps has.
enum SweepPageStyle {
  static let rules = """
    .parts{list-style:none;padding:0;margin:.75rem 0;font-size:.875rem;columns:20rem;column-gap:2rem}
    .parts li{break-inside:avoid;padding:.15rem 0}
    .notes{max-width:60rem;font-size:.875rem;padding-left:1.25rem}
    .toggles{position:sticky;top:0;z-index:2;background:var(--paper);border-bottom:1px solid var(--rule);\
    margin-top:1rem}
    .toggles details{margin:0;padding:.4rem 0}
    .toggles summary{color:var(--ink)}
    .boxes{display:flex;flex-wrap:wrap;gap:.1rem 1rem;max-height:30vh;overflow-y:auto;padding-top:.3rem}
    .boxes label{display:flex;align-items:center;gap:.4rem;min-height:1.75rem}
    .boxes input{accent-color:var(--accent);width:1.1rem;height:1.1rem;margin:0}
    .boxes svg.chart,summary svg.chart{display:inline-block;width:28px;height:16px;vertical-align:middle}
    .buttons{display:flex;gap:.5rem}
    .buttons[hidden]{display:none}
    button,input[type=search]{font:inherit;color:inherit}
    .buttons button{background:var(--paper);border:1px solid var(--quiet);border-radius:4px;padding:0 .6rem}
    .note{overflow-wrap:anywhere}
    section[id]{scroll-margin-top:4.5rem}
    .plot{border-radius:4px}
    .plot:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
    .plot .picked{stroke-width:4}
    .plot .at.picked rect{stroke:var(--ink);stroke-width:2}
    .readout{font-size:.8125rem;min-height:2.6em;line-height:1.3;margin:.25rem 0 0;color:var(--ink);overflow-wrap:anywhere}
    .conditions td{text-align:left;white-space:normal;min-width:14rem;overflow-wrap:anywhere}
    .conditions th[scope=col]{text-align:left}
    .conditions tbody th{padding-right:1rem;vertical-align:top;white-space:normal;min-width:9rem}
    .conditions code{color:var(--quiet)}
    .differs{background:color-mix(in srgb,var(--wrong) 16%,var(--paper));border-radius:2px;padding:0 .3em;\
    font-size:.75rem;margin-left:.35em}
    .filter{margin-top:1.25rem;font-size:.875rem}
    .filter input{width:14rem;max-width:60vw;padding:.25rem .5rem;border:1px solid var(--quiet);border-radius:4px;\
    background:var(--paper)}
    .sortable{font-size:.8125rem}
    .sortable th,.sortable td{padding:.25rem .4rem}
    .sortable thead th:first-child{text-align:left;position:sticky;left:0;background:var(--paper);padding-left:0}
    .sortable thead button{background:none;border:0;padding:.35rem 0;color:var(--quiet);cursor:pointer;font-size:.8125rem;\
    white-space:normal;text-align:inherit;line-height:1.2}
    .sortable thead button::after{content:"\\2003"}
    .sortable th[aria-sort=ascending] button::after{content:" ▲"}
    .sortable th[aria-sort=descending] button::after{content:" ▼"}
    .sortable tbody tr:hover>*{background:color-mix(in srgb,var(--accent) 8%,var(--paper))}
    .policy{border-top:1px solid var(--rule);padding:.6rem 0;margin:0}
    .policy summary{color:var(--ink);font-weight:600;font-size:1rem}
    .policy table th,.policy table td{padding:.2rem .5rem}
    .policy thead th:first-child{text-align:left}
    .sortable tbody th,.policy th:first-child{padding-left:0}
    @media (max-width:44rem){.boxes{max-height:9rem}}
    """
}
