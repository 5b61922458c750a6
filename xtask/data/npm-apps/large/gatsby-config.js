module.exports = {
  siteMetadata: { title: "A page" },
  plugins: [
    { resolve: "gatsby-source-filesystem", options: { name: "pages", path: `${__dirname}/src/pages` } },
  ],
};
