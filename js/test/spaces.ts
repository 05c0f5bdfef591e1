// In place of @fiftyone/spaces.

export function usePanelId() {
  return "panel-1";
}
