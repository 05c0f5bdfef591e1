// In place of @fiftyone/operators: events go to test/app.ts.

import { handle, operators, prompted, type Event } from "./app";

export function usePanelEvent() {
  return (_panelId: string, event: Event) => handle(event);
}

export function usePromptOperatorInput() {
  return (operator: string, form: unknown) => prompted.push({ operator, form });
}

export class OperatorConfig {
  name = "";
  constructor(options: { name: string }) {
    Object.assign(this, options);
  }
}

export class Operator {
  get config(): OperatorConfig {
    throw new Error("An operator has to say its name");
  }
}

export function registerOperator(operator: new () => Operator, plugin: string) {
  operators.push({ operator: new operator() as never, plugin });
}
