/// The CSS rules of an explanation's page.
enum ExplanationStyle {
  static let rules = """
    main{padding-bottom:8rem}
    #telling h2{margin-bottom:.25rem}
    @media (max-height:36rem){.controls{position:static}}
    .loss{flex:1 1 100%;margin:0}
    .loss figcaption{display:flex;flex-wrap:wrap;gap:0 1rem;font-weight:400;color:var(--quiet);font-size:.8125rem}
    #key{display:flex;flex-wrap:wrap;gap:0 1rem;color:var(--ink)}
    #key span{display:inline-flex;align-items:center;gap:.4rem}
    #key svg{width:28px;height:10px}
    .plot{display:grid;grid-template-columns:auto 1fr;gap:.1rem .4rem;font-size:.75rem;color:var(--quiet);\
    font-variant-numeric:tabular-nums}
    .ticks{display:flex;flex-direction:column;justify-content:space-between;text-align:right;line-height:1;\
    min-width:2.4rem}
    .field{position:relative;height:3.5rem;border:1px solid var(--rule);border-width:1px 0;cursor:pointer}
    .field svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
    .field .line{vector-effect:non-scaling-stroke}
    .field #now{position:absolute;top:0;bottom:0;right:auto;border:0;border-left:2px solid var(--ink);margin-left:-1px}
    .ends{grid-column:2;display:flex;justify-content:space-between}
    .sides{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:0 2.5rem;\
    margin-top:1.5rem}
    .side{margin:0 0 1.5rem;min-width:0;display:grid;grid-row:span 4;grid-template:subgrid/minmax(0,1fr);align-content:start}
    .state,.plan{font-size:.875rem;margin:.1rem 0;font-variant-numeric:tabular-nums}
    .plan{min-height:4.6em;color:var(--quiet);white-space:pre-line}
    .flow{columns:auto;white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.7}
    .flow span,.flow em{cursor:default;border-radius:2px}
    .flow .unread,.legend .unread{color:var(--quiet);border-bottom:2px dotted var(--quiet)}
    .flow .newest,.legend .newest{box-shadow:0 0 0 1.5px var(--ink)}
    .flow .chosen{outline:2px solid var(--wrong);outline-offset:1px}
    .flow .answer{border-left:3px solid var(--rule);margin-left:-.5rem;padding-left:.35rem}
    #about{position:fixed;left:0;right:0;bottom:0;z-index:2;\
    padding:.6rem max(1rem,(100% - 74rem)/2);background:var(--paper);\
    border-top:1px solid var(--rule);font-size:.875rem;font-variant-numeric:tabular-nums;white-space:pre-line;\
    max-height:40vh;overflow-wrap:anywhere}
    #about:empty{display:none}
    """
}
