// The parts that we use of what the App provides. There are no packages with their types.

declare module "@fiftyone/operators" {
  export interface OperatorResult {
    result?: unknown;
    error?: unknown;
    errorMessage?: unknown;
  }

  export interface PanelEvent {
    operator: string;
    params: Record<string, unknown>;
    prompt?: boolean;
    /** Returning false keeps the App from taking the panel away when the operator has failed. */
    callback?: (result: OperatorResult) => false | undefined;
  }

  export function usePanelEvent(): (panelId: string, event: PanelEvent) => void;

  export interface ExecutionContext {
    params: Record<string, unknown>;
    /** What {@link Operator.useHooks} gave. */
    hooks?: unknown;
  }

  /** Opens the form of an operator. */
  export function usePromptOperatorInput(): (operator: string, params?: Record<string, unknown>) => void;

  export interface OperatorConfig {
    name: string;
    label: string;
    unlisted?: boolean;
  }

  export const OperatorConfig: new (options: OperatorConfig) => OperatorConfig;

  export class Operator {
    get config(): OperatorConfig;
    useHooks(): unknown;
    execute(ctx: ExecutionContext): Promise<void>;
  }

  export function registerOperator(operator: typeof Operator, plugin: string): void;
}

declare module "@fiftyone/plugins" {
  import type { ComponentType } from "react";

  export enum PluginComponentType {
    Component = 3,
  }

  export function registerComponent(component: {
    name: string;
    label: string;
    component: ComponentType;
    type: PluginComponentType;
    activator: () => boolean;
  }): void;
}

declare module "@fiftyone/spaces" {
  export function usePanelId(): string;
}

declare module "*.css?inline" {
  const css: string;
  export default css;
}
