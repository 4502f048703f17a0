/* step-exec FOLDER: runs a step's program in an image that holds nothing of the engine, not even a shell.
 *
 * FOLDER/arguments  the program and its arguments, each ended by a NUL; no such file or folder: nothing is to be done
 * FOLDER/ended      written when the program has ended: its exit code, or minus the signal that killed it,
 *                   or "!" and why it could not be started
 * FOLDER/log        what it printed, which is printed on as well
 *
 * It is linked statically, because a container before this one copies it to where the program's image can see it. It
 * succeeds whatever the program did: the container after this one reads how that ended, and says so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static volatile pid_t child;

static void forward(int number) {
    if (child > 0) kill(child, number);
}

static void fail(const char *what) {
    perror(what);
    exit(125);
}

static char *contents(const char *name, size_t *size) {
    int file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) exit(0);
    struct stat about;
    if (file < 0 || fstat(file, &about) < 0) fail(name);
    char *text = malloc(about.st_size + 1);
    if (!text) fail("memory");
    *size = 0;
    for (ssize_t got; *size < (size_t)about.st_size; *size += got)
        if ((got = read(file, text + *size, about.st_size - *size)) <= 0) fail(name);
    close(file);
    return text;
}

static char **split(char *text, size_t size) {
    size_t count = 0;
    for (size_t at = 0; at < size; at++) count += !text[at];
    char **arguments = calloc(count + 1, sizeof *arguments);
    if (!arguments) fail("memory");
    for (size_t number = 0; number < count; number++, text += strlen(text) + 1) arguments[number] = text;
    return arguments;
}

static void tell(const char *format, int number, const char *why) {
    FILE *file = fopen("ended.partial", "w");
    if (!file || fprintf(file, format, number, why) < 0 || fclose(file) || rename("ended.partial", "ended")) fail("ended");
    exit(0);
}

/* Hands on what is there to be read; 0 when nobody can write any more. */
static int hand_on(int from, int log) {
    char buffer[1 << 16];
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    for (ssize_t at = 0, done; at < got; at += done)
        if ((done = write(STDOUT_FILENO, buffer + at, got - at)) < 0) break;
    for (ssize_t at = 0, done; at < got; at += done)
        if ((done = write(log, buffer + at, got - at)) < 0) break;
    return got > 0;
}

static pid_t start(char **arguments, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    pid_t started;
    int problem = posix_spawnp(&started, arguments[0], &actions, NULL, arguments, environ);
    if (problem) tell("!%.0d%s\n", 0, strerror(problem));
    return started;
}

int main(int count, char **given) {
    if (count != 2) return fputs("step-exec FOLDER\n", stderr), 125;
    if (chdir(given[1])) {
        if (errno == ENOENT) return 0;
        fail(given[1]);
    }
    size_t size;
    char *text = contents("arguments", &size);
    char **arguments = split(text, size);
    struct sigaction action = {.sa_handler = forward};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    int ends[2], log = open("log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log < 0 || pipe2(ends, O_CLOEXEC) || fcntl(ends[0], F_SETFL, O_NONBLOCK)) fail("log");
    child = start(arguments, ends[1]);
    close(ends[1]);
    int status, ended = 0, open = 1;
    while (!ended) { /* what the program left running in the background may hold the pipe for ever */
        struct pollfd output = {.fd = open ? ends[0] : -1, .events = POLLIN};
        if (poll(&output, 1, 50) > 0) open = hand_on(ends[0], log);
        pid_t found = waitpid(child, &status, WNOHANG);
        if (found < 0 && errno != EINTR) fail("wait");
        ended = found > 0;
    }
    struct pollfd rest = {.fd = ends[0], .events = POLLIN};
    while (open && poll(&rest, 1, 0) > 0) open = hand_on(ends[0], log);
    tell("%d%s\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), "");
}
