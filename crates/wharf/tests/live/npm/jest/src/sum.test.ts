import { sum } from "./sum";
test("sums", () => { expect(sum(1, 2)).toBe(3); });
