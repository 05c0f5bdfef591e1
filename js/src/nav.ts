// Where the panel is.

export const TABS = [
  ["runs", "Runs"],
  ["artifacts", "Artifacts"],
  ["predictions", "Predictions"],
  ["jobs", "Jobs"],
  ["reports", "Reports"],
] as const;

export type Tab = (typeof TABS)[number][0];

/** A project of W&B, as the panel's events take it. */
export interface Where {
  entity: string;
  project: string;
}

/** What is open on a tab: a run, an artifact (`name:version`), or the list if there is none. */
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

/** Whether there is an address that nobody has taken yet; there is none after this. */
export function takeAddress(): boolean {
  const isNew = !taken;
  taken = true;
  return isNew;
}

export function isTab(value: string): value is Tab {
  return TABS.some(([tab]) => tab === value);
}
