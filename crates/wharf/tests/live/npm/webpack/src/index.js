import { chunk } from "lodash-es"; import "./a.css"; async function f() { return chunk([1,2,3], 2).flat(); } f().then(x => { document.title = String(x.includes(2)); });
