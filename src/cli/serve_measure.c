/* measure: which series there are, and what is looked up when somebody asks for them. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/serve.h"
#include "db/backups.h"
#include "db/db.h"
#include "http/status.h"
#include "http/tls.h"
#include "obs/metrics.h"
#include "obs/provider.h"
#include "service/calls/ended.h"
#include "service/calls/lines.h"
#include "service/forwarding/deliveries.h"
#include "service/inbox/events.h"
#include "tasks/hosts.h"
#include "tasks/jobs.h"
#include "tasks/kinds.h"
#include "tasks/operations.h"
#include "tasks/tools.h"

int64_t serve_resident_bytes(void) {
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

/* Linux 6.2 and later says how many as the size of the folder; before that they are counted, without
 * the one that counting takes. */
static int64_t open_descriptors(void) {
    struct stat about;
    int64_t n = 0;
    if (stat("/proc/self/fd", &about) == 0 && about.st_size > 0)
        return about.st_size;
    DIR *folder = opendir("/proc/self/fd");
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    if (folder)
        closedir(folder);
    return n ? n - 1 : 0;
}

static void collect_process(const struct serve *s) {
    struct rlimit grant;
    struct timespec used;
    if (getrlimit(RLIMIT_NOFILE, &grant) == 0)
        metric_set(METRIC_PROCESS_FDS_MAX, (double)grant.rlim_cur, NULL);
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
        metric_raise(METRIC_PROCESS_CPU, used.tv_sec * 1000000 + used.tv_nsec / 1000, NULL);
    metric_set(METRIC_PROCESS_FDS, (double)open_descriptors(), NULL);
    metric_set(METRIC_PROCESS_MEMORY, (double)serve_resident_bytes(), NULL);
    metric_set(METRIC_PROCESS_START, (double)s->began_wall_ms / 1000, NULL);
}

static void collect(void *arg) {
    struct serve *s = arg;
    metric_set(METRIC_EVENT_LOOP_LAG, (double)workers_lag_ms(&s->workers) / 1000, NULL);
    metric_set(METRIC_EVENT_LOOP_TURN, (double)workers_longest_turn_us(&s->workers) / 1e6, NULL);
    metric_set(METRIC_HTTP_CONNECTIONS, (double)workers_connections(&s->workers), NULL);
    metric_set(METRIC_HTTP_IN_FLIGHT, (double)workers_busy(&s->workers), NULL);
    metric_set(METRIC_CLOCK_JUMP, (double)clock_jump_ms() / 1000, NULL);
    metric_set(METRIC_HOSTS_ALIVE, (double)hosts_alive(s->house.parts.hosts), NULL);
    metric_set(METRIC_CLOCK_OFFSET, (double)clock_off_ms() / 1000, NULL);
    metric_set(METRIC_DB_UP, db_is_up(s->house.parts.db), NULL);
    metric_set(METRIC_DB_WAL, (double)db_wal_bytes(s->house.parts.db), NULL);
    metric_set(METRIC_BUILD_INFO, 1, AVA_VERSION);
    struct statvfs disk;
    if (statvfs(s->house.config.data_dir, &disk) == 0) {
        metric_set(METRIC_DISK_FREE, (double)disk.f_bavail * (double)disk.f_frsize, NULL);
        metric_set(METRIC_DISK_SIZE, (double)disk.f_blocks * (double)disk.f_frsize, NULL);
    }
    const struct config *c = &s->house.config;
    metric_set(METRIC_BACKUP_EVERY, c->backup_dir[0] ? (double)c->backup_every_hours * 3600 : 0,
               NULL);
    if (strcmp(db_system(s->house.parts.db), "sqlite") != 0)
        metric_set(METRIC_BACKUP_LAST, NAN, NULL);
    else if (s->database)
        metric_set(METRIC_BACKUP_LAST, (double)backups_last_ms(s->database) / 1000, NULL);
    if (s->tls)
        metric_set(METRIC_TLS_EXPIRY, (double)tls_setup_expires_ms(s->tls) / 1000, NULL);
    collect_process(s);
}

void serve_declare(const struct task_kinds *kinds) {
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        metrics_know("service", provider_name(p));
    for (size_t i = 0; i < kinds->job_count; i++)
        metrics_know("kind", kinds->jobs[i]->name);
    for (size_t i = 0; i < kinds->tool_count; i++)
        metrics_know("tool", kinds->tools[i]->name);
    metrics_declare();
    status_declare_metrics();
    ended_declare_metrics();
}

void serve_measure(struct serve *s) {
    struct parts *parts = &s->house.parts;
    metrics_before_scrape(collect, s);
    metrics_before_scrape(jobs_collect, parts->jobs);
    metrics_before_scrape(operations_collect, parts);
    metrics_before_scrape(events_collect, parts);
    metrics_before_scrape(lines_collect, parts);
    metrics_before_scrape(deliveries_collect, parts);
}
