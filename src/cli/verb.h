/* verb: reads the command line: which command is meant, what are its flags and its words. */
#pragma once

/* Runs the command that the words name and returns the exit status of the program. */
int cli_main(int argc, char **argv);
