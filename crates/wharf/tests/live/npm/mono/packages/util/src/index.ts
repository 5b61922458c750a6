import ms from "ms";
export const span: number = ms("1h");
import { name_types } from "@mono/types";
export const name_util: string = ["util", name_types].join("+");
