// German: the words of the page, and what the server says in English sentences.
export { default as words } from "../../i18n/de.json";
export { default as server } from "../../i18n/de.server.json";
