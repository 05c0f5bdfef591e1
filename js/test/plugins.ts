// In place of @fiftyone/plugins.

import { components } from "./app";

export enum PluginComponentType {
  Component = 3,
}

export function registerComponent(component: { name: string }) {
  components.push(component);
}
