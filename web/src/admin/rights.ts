// Who may see which section.
import { mayManage, session } from "../kit/state";

export const everybody = () => true;
export const mayWatch = mayManage; // owners and administrators of the workspace
export const mayRun = () => session.value?.user.admin === true; // who runs this Ava
