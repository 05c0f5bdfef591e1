// The panel's looks, in the App's own colours. Everything is below .wandb-panel, so that nothing else changes.

export const STYLES = `
.wandb-panel { height: 100%; overflow: auto; container-type: inline-size; box-sizing: border-box; font-size: 14px; line-height: 1.4;
  font-family: inherit; color: var(--fo-palette-text-primary, #fff); background: var(--fo-palette-background-level2, #262626);
  --w-line: color-mix(in srgb, currentColor 22%, transparent); --w-soft: var(--fo-palette-text-secondary, #b3b3b3);
  --w-card: var(--fo-palette-background-level1, #333); --w-accent: var(--fo-palette-primary-plainColor, #ff6d04); }
.wandb-panel *, .wandb-panel *::before { box-sizing: border-box; }
.wandb-panel h2 { font-size: 17px; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
.wandb-panel h3 { font-size: 14px; font-weight: 600; margin: 0 0 8px; }
.wandb-panel p { margin: 0 0 8px; } .wandb-panel ul { list-style: none; margin: 0; padding: 0; }
.wandb-panel button, .wandb-panel select, .wandb-panel input[type=text], .wandb-panel input[type=search] { font: inherit; color: inherit;
  background: color-mix(in srgb, currentColor 5%, transparent); border: 1px solid var(--w-line); border-radius: 4px; padding: 3px 10px; min-height: 30px; max-width: 100%; }
.wandb-panel select option { color: #000; background: #fff; }
.wandb-panel button { cursor: pointer; } .wandb-panel button:hover:not(:disabled) { border-color: var(--w-accent); }
.wandb-panel button:disabled { opacity: .5; cursor: default; }
.wandb-panel :focus-visible { outline: 2px solid var(--w-accent); outline-offset: 1px; }
.wandb-panel a { color: var(--w-accent); } .wandb-panel summary { cursor: pointer; }
.wandb-panel .w-card button:not(.w-link) { min-height: 26px; padding: 1px 8px; font-size: 12px; }
.wandb-panel .w-link { background: none; border: 0; padding: 0; min-height: 0; color: var(--w-accent); text-align: left; font-weight: 500;
  overflow-wrap: anywhere; } .wandb-panel .w-link:hover { text-decoration: underline; }
.wandb-panel .w-main { border-color: var(--w-accent); color: var(--w-accent); }
.w-head { position: sticky; top: 0; z-index: 2; background: var(--fo-palette-background-level2, #262626); border-bottom: 1px solid var(--w-line); padding: 8px 12px 0; }
.w-bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; } .w-bar > .w-grow { flex: 1 1 160px; min-width: 0; }
.w-bar select.w-grow { flex: 0 1 260px; } .w-right { margin-left: auto; }
.w-head > .w-bar { flex-wrap: nowrap; } .w-head select { min-width: 0; flex-shrink: 1; } .w-head .w-right { flex: none; }
.w-tabs { display: flex; gap: 2px; overflow-x: auto; margin-top: 6px; scrollbar-width: none; }
.w-entry { display: flex; gap: 10px; align-items: flex-start; } .w-what { flex: 1 1 0; min-width: 0; display: flex; flex-direction: column; gap: 2px; }
.w-aside { flex: none; display: flex; gap: 6px; } .w-tags { margin-top: 2px; row-gap: 4px; column-gap: 6px; }
.wandb-panel .w-strong { color: inherit; border-color: var(--w-accent); }
.wandb-panel .w-tabs button { background: none; border: 0; border-bottom: 2px solid transparent; border-radius: 0; padding: 6px 10px; color: var(--w-soft); white-space: nowrap; }
.wandb-panel .w-tabs button[aria-selected=true] { color: var(--fo-palette-text-primary, #fff); border-bottom-color: var(--w-accent); }
.w-page { padding: 12px; display: flex; flex-direction: column; gap: 12px; min-width: 0; overflow-wrap: anywhere; }
.w-list { display: flex; flex-direction: column; gap: 6px; }
.wandb-panel .w-card { background: var(--w-card); border: 1px solid var(--w-line); border-radius: 6px; padding: 8px 12px; min-width: 0; }
.w-card.w-mine { border-left: 3px solid var(--w-accent); }
.w-soft { color: var(--w-soft); } .w-small { font-size: 12px; } .w-num { font-variant-numeric: tabular-nums; }
.w-row { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: baseline; min-width: 0; }
.w-tag { display: inline-block; border: 1px solid var(--w-line); border-radius: 10px; padding: 0 8px; font-size: 12px; color: var(--w-soft); max-width: 100%; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; vertical-align: bottom; }
.w-state { white-space: nowrap; } .w-state::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin-right: 5px; background: #8b8b8b; }
.w-state.w-finished::before, .w-state.w-completed::before { background: #3fb37f; } .w-state.w-running::before { background: #4c9be8; }
.w-state.w-failed::before, .w-state.w-crashed::before, .w-state.w-killed::before { background: #e5534b; }
.w-notice { border: 1px solid var(--w-line); border-left-width: 3px; border-radius: 4px; padding: 8px 12px; overflow-wrap: anywhere; }
.w-notice.w-error { border-left-color: #e5534b; } .w-notice.w-info { border-left-color: #4c9be8; } .w-notice .w-bar { margin-top: 8px; }
.w-kv { width: 100%; border-collapse: collapse; table-layout: fixed; } .w-kv td, .w-kv th { text-align: left; font-weight: normal; padding: 3px 8px 3px 0;
  border-bottom: 1px solid var(--w-line); vertical-align: top; overflow-wrap: anywhere; } .w-kv th { color: var(--w-soft); width: 42%; }
.w-picks { gap: 4px 14px; margin-bottom: 6px; } .w-picks label { display: inline-flex; gap: 5px; align-items: center; cursor: pointer; } .w-picks input { margin: 0; accent-color: var(--w-accent); }
.w-charts { margin-top: 8px; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 240px), 1fr)); gap: 10px; }
.w-chart svg { display: block; width: 100%; height: auto; } .w-chart text { fill: var(--w-soft); font-size: 10px; }
.wandb-panel .w-bars button { display: grid; grid-template-columns: var(--w-names, 30%) 1fr 56px; gap: 8px; align-items: center; width: 100%; background: none; border: 0;
  padding: 2px 4px; min-height: 26px; text-align: left; } .w-bars .w-fill { display: block; height: 14px; border-radius: 2px; background: var(--w-accent); opacity: .85; min-width: 1px; }
.w-bars button:hover .w-fill { opacity: 1; } .w-bars .w-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .w-bars .w-count { text-align: right; }
.w-hist { display: flex; align-items: flex-end; height: 120px; gap: 2px; border-bottom: 1px solid var(--w-line); }
.wandb-panel .w-hist button { flex: 1 1 0; min-width: 0; min-height: 0; height: 100%; padding: 0; background: none; border: 0; display: flex; align-items: flex-end; }
.w-hist .w-fill { display: block; width: 100%; background: var(--w-accent); opacity: .85; border-radius: 2px 2px 0 0; } .w-hist button:hover .w-fill { opacity: 1; }
.w-progress { height: 6px; border-radius: 3px; background: var(--w-line); overflow: hidden; margin: 6px 0; } .w-progress > div { height: 100%; background: var(--w-accent); }
.w-loading { display: inline-flex; gap: 8px; align-items: center; color: var(--w-soft); }
.w-loading::before { content: ""; width: 12px; height: 12px; border-radius: 50%; border: 2px solid var(--w-line); border-top-color: var(--w-accent); animation: w-turn 1s linear infinite; }
@keyframes w-turn { to { transform: rotate(360deg); } } @media (prefers-reduced-motion: reduce) { .w-loading::before { animation-duration: 8s; } }
.w-empty { max-width: 560px; margin: 24px auto; text-align: left; display: flex; flex-direction: column; gap: 8px; }
.w-empty code { background: var(--w-card); border-radius: 3px; padding: 1px 5px; overflow-wrap: anywhere; } .w-empty ol { margin: 0; padding-left: 20px; list-style: decimal; }
.w-page:focus { outline: none; }
@container (max-width: 400px) { .wandb-panel .w-tabs button { padding: 6px 5px; font-size: 13px; } .w-page { padding: 10px 8px; } .w-head { padding: 8px 8px 0; } }
.w-split { display: grid; grid-template-columns: 1fr; gap: 16px; } @container (min-width: 720px) { .w-split { grid-template-columns: 1fr 1fr; } }
`;
