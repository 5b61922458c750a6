#!/usr/bin/env node
import { Command } from "commander";
export const program = new Command();
import { name_api } from "@mono/api";
import { name_config } from "@mono/config";
import { name_log } from "@mono/log";
export const name_cli: string = ["cli", name_api, name_config, name_log].join("+");
console.log(name_cli);
