// Where the panel is.

export const TABS = [
  ["runs", "Runs"],
  ["artifacts", "Artifacts"],
  ["predictions", "Predictions"],
  ["evaluations", "Evaluations"],
  ["jobs", "Jobs"],
  ["reports", "Reports"],
] as const;

export type Tab = (typeof TABS)[number][0];

/** A project of W&B, as the panel's events take it. */
export interface Where {
  entity: string;
  project: string;
}

/** Where something is; lineage and jobs lead into other projects too. */
export function placeOf(found: Where, shown: Where): Where {
  return { entity: found.entity || shown.entity, project: found.project || shown.project };
}

/** A run's id or an artifact's `name:version`, with its place before it where that is not the one that is shown. */
export function pathOf(name: string, found: Where, shown: Where): string {
  const { entity, project } = placeOf(found, shown);
  return entity === shown.entity && project === shown.project ? name : `${entity}/${project}/${name}`;
}

/** What is open on a tab: a run, an artifact (see {@link pathOf}), or the list if there is none. */
export interface Route {
  tab: Tab;
  open?: string;
}

export type Go = (route: Route) => void;

/** The event by which the operator `embed_report` tells an open panel that something was selected. */
export const SELECTED = "wandb-panel:selected";

/** The address that a script wants to be shown, by `embed_report`, and whether the panel has heard of it. */
let address = "";
let taken = true;

export function setAddress(url: string): void {
  address = url;
  taken = false;
  window.dispatchEvent(new CustomEvent(SELECTED));
}

export function getAddress(): string {
  return address;
}

/** Forgets the address: what was selected is shown in its own place. */
export function clearAddress(): void {
  address = "";
  taken = true;
}

/** Whether there is an address that nobody has taken yet; there is none after this. */
export function takeAddress(): boolean {
  const isNew = !taken;
  taken = true;
  return isNew;
}

export function isTab(value: string): value is Tab {
  return TABS.some(([tab]) => tab === value);
}
