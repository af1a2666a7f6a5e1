from test_support import CheckerTest


class Layers(CheckerTest):
    tool = "layers"

    def test_lets_arrows_point_down(self):
        self.plant("src/main.c", '#include "cli/serve.h"\n')
        self.plant("src/cli/serve.c", '#include "sandbox/world.h"\n#include "net/client.h"\n')
        self.plant("src/routes/calls.c", '#include "http/router.h"\n#include "service/calls/calls.h"\n')
        self.plant("src/service/calls/calls.c", '#include "service/numbers/numbers.h"\n')
        self.plant("src/service/numbers/buy.c", '#include "tasks/jobs.h"\n#include "db/db.h"\n')
        self.plant("src/resilience/ratelimit.c", '#include "db/kv.h"\n#include <math.h>\n')
        self.plant("src/providers/upstream.c", '#include "net/client.h"\n')
        self.plant("src/obs/log.c", '#include "config/config.h"\n#include "base/str.h"\n')
        self.assert_fine()

    def test_lets_generated_headers_in(self):
        self.plant("src/cli/version.c", '#include "build_info.h"\n#include "generated/x.h"\n')
        self.assert_fine()

    def test_refuses_an_arrow_up_and_says_where(self):
        self.plant("src/store/a.c", '#include "store/a.h"\n#include "service/calls/calls.h"\n')
        self.assert_refused("src/store/a.c:2: store may not include service/calls", "move what you need")

    def test_refuses_a_task_that_knows_a_room(self):
        self.plant("src/tasks/jobs.c", '#include "service/inbox/inbox.h"\n')
        self.assert_refused("tasks may not include service/inbox")

    def test_refuses_a_room_above(self):
        self.plant("src/service/connections/a.c", '#include "service/calls/calls.h"\n')
        self.assert_refused("service/connections may not include service/calls")

    def test_refuses_a_room_beside(self):
        self.plant("src/service/messages/a.c", '#include "service/assistants/assistants.h"\n')
        self.plant("src/service/calls/a.c", '#include "service/messages/messages.h"\n')
        self.assert_refused(
            "service/messages may not include service/assistants",
            "service/calls may not include service/messages",
        )

    def test_refuses_what_is_not_below_a_room(self):
        self.plant("src/service/calls/a.c", '#include "http/router.h"\n#include "routes/reply.h"\n')
        self.assert_refused("service/calls may not include http", "service/calls may not include routes")

    def test_wants_the_whole_room_in_an_include(self):
        self.plant("src/routes/a.c", '#include "service/calls.h"\n')
        self.assert_refused("an include names its whole room")
        self.plant("src/routes/a.c", '#include "service/lobby/calls.h"\n')
        self.assert_refused("an include names its whole room")

    def test_refuses_a_loose_file_in_a_divided_layer(self):
        self.plant("src/service/a.c", "\n")
        self.assert_refused("src/service/a.c:1: src/service/ is divided into rooms")

    def test_refuses_a_room_that_nobody_named(self):
        self.plant("src/service/lobby/a.c", "\n")
        self.assert_refused("src/service/lobby/ has no line")

    def test_keeps_sources_out_of_the_migrations(self):
        self.plant("src/db/migrations/a.c", "\n")
        self.assert_refused("holds no C sources")

    def test_lets_the_database_know_no_rows(self):
        self.plant("src/db/db_sqlite.c", '#include "store/calls.h"\n')
        self.assert_refused("db may not include store")

    def test_refuses_neighbours(self):
        self.plant("src/net/loop.c", '#include "crypto/random.h"\n')
        self.assert_refused("net may not include crypto")

    def test_keeps_base_alone(self):
        self.plant("src/base/str.c", '#include "obs/log.h"\n')
        self.assert_refused("base may not include obs")

    def test_keeps_main_short_sighted(self):
        self.plant("src/main.c", '#include "http/router.h"\n')
        self.assert_refused("main.c may not include http")

    def test_lets_nobody_include_cli(self):
        self.plant("src/sandbox/world.c", '#include "cli/serve.h"\n')
        self.assert_refused("sandbox may not include cli")

    def test_lets_resilience_see_kv_alone(self):
        self.plant("src/resilience/cache.c", '#include "db/db.h"\n')
        self.assert_refused("only db/kv.h")

    def test_keeps_the_one_door(self):
        self.plant("src/providers/vapi.c", '#include "net/client.h"\n')
        self.assert_refused("only providers/upstream.c may include net/client.h")

    def test_sees_through_angle_brackets_and_not_into_comments(self):
        self.plant("src/net/loop.c", '/* #include "http/router.h" */\n#include <http/router.h>\n')
        self.assert_refused("src/net/loop.c:2:", "net may not include http")

    def test_refuses_unknown_folders_and_paths_upwards(self):
        self.plant("src/net/loop.c", '#include "../http/router.h"\n#include "helpers/x.h"\n')
        self.assert_refused("src/net/loop.c:1:", "no folder helpers/")

    def test_refuses_new_and_deep_folders(self):
        self.plant("src/helpers/x.c", "\n")
        self.plant("src/net/deep/x.c", "\n")
        self.assert_refused("src/helpers/ has no line", "src/net/deep/ has no line")
