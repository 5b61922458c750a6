const Html = require("html-webpack-plugin");
module.exports = { entry: "./src/index.js", plugins: [new Html()], module: { rules: [
 { test: /\.css$/, use: ["style-loader", "css-loader", { loader: "postcss-loader", options: { postcssOptions: { plugins: ["autoprefixer"] } } }] },
 { test: /\.js$/, exclude: /node_modules/, use: { loader: "babel-loader", options: { presets: [["@babel/preset-env", { useBuiltIns: "usage", corejs: 3 }]] } } } ] } };
