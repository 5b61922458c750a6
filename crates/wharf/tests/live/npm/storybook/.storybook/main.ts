import type { StorybookConfig } from "@storybook/react-vite";
const config: StorybookConfig = { stories: ["../src/**/*.stories.tsx", "../src/**/*.mdx"], addons: ["@storybook/addon-docs", "@storybook/addon-a11y"], framework: "@storybook/react-vite" };
export default config;
