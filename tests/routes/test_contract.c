#include "test.h"

#include <ctype.h>

#include "base/json.h"
#include "http/assets.h"
#include "routes/entry.h"

/* The contract as built in; NULL when the program was built without it. */
static json_t *contract(struct arena *a) {
    const struct asset *asset = asset_find(STR("/openapi.json"));
    const char *why = "";
    if (!asset)
        return NULL;
    json_t *tree =
        json_parse(a, (struct str){ (const char *)asset->plain.data, asset->plain.len }, &why);
    if (!tree)
        print_error("openapi.json: %s\n", why);
    return tree;
}

static const char *lower_name(enum http_method m, char out[16]) {
    const char *name = http_method_name(m);
    size_t i = 0;
    for (; name[i]; i++)
        out[i] = (char)tolower((unsigned char)name[i]);
    out[i] = 0;
    return out;
}

TEST(every_route_is_in_the_contract) {
    struct arena *a = arena_new(64 << 20);
    json_t *paths = json_object_get(contract(a), "paths");
    char method[16];
    if (!paths)
        skip();
    for (size_t i = 0; i < routes_count; i++) {
        const json_t *path = json_object_get(paths, routes[i].at.path);
        if (!json_object_get(path, lower_name(routes[i].at.method, method)))
            print_error("not in openapi.yaml: %s %s\n", method, routes[i].at.path);
        CHECK(json_object_get(path, method));
    }
    arena_free(a);
}

TEST(every_path_of_the_contract_is_a_route) {
    struct arena *a = arena_new(64 << 20);
    json_t *paths = json_object_get(contract(a), "paths"), *path, *operation;
    const char *template, *method;
    char name[16];
    if (!paths)
        skip();
    json_object_foreach(paths, template, path) {
        if (strncmp(template, "/sandbox", 8) == 0)
            continue; /* answered by the sandbox itself; its own tests walk them */
        json_object_foreach(path, method, operation) {
            bool found = strcmp(method, "parameters") == 0;
            for (size_t i = 0; i < routes_count && !found; i++)
                found = strcmp(routes[i].at.path, template) == 0 &&
                        strcmp(lower_name(routes[i].at.method, name), method) == 0;
            if (!found)
                print_error("not in routes/table.c: %s %s\n", method, template);
            CHECK(found);
        }
    }
    arena_free(a);
}

TEST(the_contract_names_the_limit_of_every_route) {
    static const char *const NAMES[] = { NULL, NULL, "settings", "default", "login", "webhooks" };
    struct arena *a = arena_new(64 << 20);
    json_t *paths = json_object_get(contract(a), "paths");
    char method[16];
    if (!paths)
        skip();
    for (size_t i = 0; i < routes_count; i++) {
        const json_t *operation = json_object_get(json_object_get(paths, routes[i].at.path),
                                                  lower_name(routes[i].at.method, method));
        const char *said = json_text(operation, "x-rate-limit");
        const char *is = NAMES[routes[i].limit];
        bool same = said && is ? strcmp(said, is) == 0 : said == is;
        if (!same)
            print_error("%s %s: contract %s, table %s\n", method, routes[i].at.path,
                        said ? said : "-", is ? is : "-");
        CHECK(same);
    }
    arena_free(a);
}

TEST(every_code_of_the_table_is_in_the_contract_and_the_other_way_round) {
    struct arena *a = arena_new(64 << 20);
    json_t *schemas = json_object_get(json_object_get(contract(a), "components"), "schemas");
    json_t *codes = json_object_get(json_object_get(schemas, "ProblemCode"), "enum"), *code;
    size_t i;
    if (!schemas)
        skip();
    CHECK_INT(json_array_size(codes), ERR_COUNT - 1);
    json_array_foreach(codes, i, code) {
        bool found = false;
        for (enum err e = OK + 1; e < ERR_COUNT && !found; e++)
            found = strcmp(err_info(e)->code, json_string_value(code)) == 0;
        if (!found)
            print_error("not in errors.def: %s\n", json_string_value(code));
        CHECK(found);
    }
    arena_free(a);
}
