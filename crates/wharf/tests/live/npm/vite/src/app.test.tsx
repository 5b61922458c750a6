import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { App } from "./app";
test("greets", () => { render(<App />); expect(screen.getByText("Hello Wharf")).toBeTruthy(); });
