// AsyncAPI's own parser on documents: no errors.
// node asyncapi.mjs FILE…
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

let failed = false;
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"));
  const errors = diagnostics.filter((d) => d.severity === 0);
  for (const d of errors) console.error(path, d.code, d.path?.join("."), d.message);
  if (errors.length > 0 || !document || document.operations().all().length === 0) {
    console.error(path, "is no AsyncAPI document with operations");
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
