import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(tseslint.configs.strict, hooks.configs.flat["recommended-latest"], {
  files: ["src/**/*.ts", "src/**/*.tsx"],
  rules: {
    "no-console": "error",
    eqeqeq: "error",
    // The bundle has no React runtime of its own and loads nothing: these names would break it.
    "no-restricted-globals": ["error", "fetch", "XMLHttpRequest", "WebSocket", "EventSource"],
    "no-restricted-syntax": [
      "error",
      { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "W&B's texts are no HTML." },
      { selector: "JSXOpeningElement[name.name='iframe']", message: "The App blocks other hosts' pages." },
    ],
  },
});
