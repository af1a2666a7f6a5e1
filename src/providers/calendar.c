#include "providers/calendar.h"

void calendar_event_write(struct jsonw *w, const struct calendar_event *e) {
    jsonw_object(w);
    jsonw_text_at(w, "id", e->id);
    jsonw_text_at(w, "title", e->title);
    jsonw_text_at(w, "start", e->start);
    jsonw_text_at(w, "end", e->end);
    jsonw_text_at(w, "time_zone", e->time_zone);
    jsonw_bool_at(w, "all_day", e->is_all_day);
    jsonw_bool_at(w, "time_known", e->is_placed);
    jsonw_text_at(w, "status", e->status);
    jsonw_text_at(w, "kind", e->kind);
    jsonw_bool_at(w, "busy", e->is_busy);
    jsonw_text_at(w, "series_id", e->series_id);
    jsonw_text_at(w, "location", e->location);
    jsonw_text_at(w, "link", e->link);
    jsonw_object_end(w);
}
