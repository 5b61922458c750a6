import { render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { Shelf } from "./Shelf.jsx";

afterEach(() => vi.unstubAllGlobals());

test("the shelf shows the books of the service", async () => {
  const books = [{ title: "Dead Souls", pages: 432 }];
  vi.stubGlobal("fetch", async () => ({ json: async () => books }));
  render(<Shelf />);
  expect(await screen.findByText("Dead Souls, 432 pages")).toBeTruthy();
});
