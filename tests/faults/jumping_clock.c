/* A clock on the wall that is off by the seconds in the file CLOCK_OFFSET names: preloaded, it stands before the
   C library's. Clocks that count the time that passes are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

typedef int (*reader)(clockid_t, struct timespec *);
static reader real;
static volatile const long *offset;

__attribute__((constructor)) static void begin(void) {
    real = (reader)dlsym(RTLD_NEXT, "clock_gettime");
    offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, open(getenv("CLOCK_OFFSET"), O_RDONLY), 0);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real)
        begin();
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += *offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now)
        *now = precise.tv_sec;
    return precise.tv_sec;
}
