/* csv: cells of a file that people open in a spreadsheet (RFC 4180), which takes text for a formula when it begins like
 * one. Such text gets an apostrophe in front, also where the sign stands after blanks; a plain number does not, so
 * that +33612345678 and -5 stay what they are. */
#pragma once

#include "base/buf.h"

/* Without it spreadsheets take UTF-8 for the character set of their country. */
#define CSV_MARK "\xEF\xBB\xBF"

void csv_cell(struct buf *out, struct str text, bool is_first); /* with the comma before it */
void csv_row_end(struct buf *out);
