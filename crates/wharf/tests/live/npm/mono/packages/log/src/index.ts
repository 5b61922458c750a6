import pc from "picocolors";
export const red: string = pc.red("x");
import { name_util } from "@mono/util";
export const name_log: string = ["log", name_util].join("+");
