from test_support import CheckerTest


class Layers(CheckerTest):
    tool = "layers"

    def test_lets_arrows_point_down(self):
        self.plant("src/main.c", '#include "cli/serve.h"\n')
        self.plant("src/cli/serve.c", '#include "sandbox/world.h"\n#include "net/client.h"\n')
        self.plant("src/routes/calls.c", '#include "http/router.h"\n#include "service/calls.h"\n')
        self.plant("src/resilience/ratelimit.c", '#include "store/kv.h"\n#include <math.h>\n')
        self.plant("src/providers/upstream.c", '#include "net/client.h"\n')
        self.plant("src/obs/log.c", '#include "config/config.h"\n#include "base/str.h"\n')
        self.assert_fine()

    def test_lets_generated_headers_in(self):
        self.plant("src/cli/version.c", '#include "build_info.h"\n#include "generated/x.h"\n')
        self.assert_fine()

    def test_refuses_an_arrow_up_and_says_where(self):
        self.plant("src/store/db.c", '#include "store/db.h"\n#include "service/calls.h"\n')
        self.assert_refused("src/store/db.c:2: store may not include service", "move what you need")

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
        self.plant("src/resilience/cache.c", '#include "store/db.h"\n')
        self.assert_refused("only store/kv.h")

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
        self.assert_refused("src/helpers/ has no line", "one level of folders")
