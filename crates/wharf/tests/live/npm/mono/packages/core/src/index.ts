import { z } from "zod";
export const schema = z.object({ a: z.number() });
import { name_util } from "@mono/util";
import { name_types } from "@mono/types";
export const name_core: string = ["core", name_util, name_types].join("+");
