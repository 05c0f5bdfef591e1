import { cleanup } from "@testing-library/react";
import { afterEach, beforeEach, vi } from "vitest";
import { reset } from "./app";

beforeEach(() => {
  window.localStorage.clear();
  vi.stubGlobal("open", vi.fn());
  reset();
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});
