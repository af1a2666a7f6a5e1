// The dashboard starts here, in the language of whoever reads it.
import { render } from "preact";
import { App } from "./app";
import { languageOf, speak } from "./kit/i18n";
import { chosenLanguage } from "./kit/prefs";

void speak(languageOf(chosenLanguage(), navigator.languages)).then(() => render(<App />, document.getElementById("app")!));
