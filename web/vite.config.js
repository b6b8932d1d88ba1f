import { defineConfig } from "vite";

// What is served may lie behind a prefix, so paths are relative. public/.gitkeep comes into
// dist again with each build: without a file there the service would not compile.
export default defineConfig({
  base: "./",
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false } }, // nothing inline: see Policy in web.go
  resolve: { dedupe: ["socket.io-client"] }, // which docs/contract/client.ts imports as well
  server: { proxy: { "/socket.io": { target: "http://localhost:8080", ws: true } } }, // npm run dev, beside make run
});
