// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * load.c - starts a server whose requests are lines, stops it in the middle of a load, and counts:
 *
 *   load [-n CLIENTS] [-i IDLE] [-q WAITING] [-m MORE] [-t TEXT] [-l] [-r] PROGRAM [ARGUMENT...]
 *
 *   -n  clients, each with a connection and one request in flight at any time (8)
 *   -i  connections that send nothing
 *   -q  connections that are made, and send a request, while the server is suspended, right before
 *       the signal: they wait in the queue of its listening socket
 *   -m  after the signal, each client sends so many requests more, and closes
 *   -t  the request ("1"); "%" stands for the number of the client, "#" for that of its request
 *   -l  a load balancer: a connection asks for "health", and all close when it is not "ready"
 *   -r  a restart: this program keeps the listening socket, as systemd does; when the server has
 *       ended, it starts another one, and the clients send a refused request again
 *
 * The argument "PORT" is replaced by a free port. When each client has 20 answers, the server gets
 * SIGTERM. A request is answered by any line that does not begin with "503", refused by one that
 * does, and lost if the connection ends without a line. A client whose connection is not accepted
 * at all is unreachable; that request was never sent. Without -r a client then ends, as after the
 * first refused or lost request. Prints one line with the counts and the server's exit status.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WARM	20	/* answers of each client before the signal, and with -r after it */
#define MAX	64

enum outcome { ANSWERED, REFUSED, LOST };

struct client {
	pthread_t thread;
	int nr, fd;
	int more;			/* requests after the signal */
	unsigned long answers;		/* since the last start of the server */
	unsigned long sent;
};

static int nclients = 8, nidle, nwaiting, more = -1;
static const char *text = "1";
static bool balanced, restarted;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct client clients[MAX];
static unsigned long count[3], unreachable;
static int ended;
static bool signalled, away, finish;

static struct sockaddr_in address;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int connect_server(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

/* The next line, without its end. False: the connection has ended before. */
static bool read_line(int fd, char *line, size_t size)
{
	size_t n = 0;

	while (n < size && recv(fd, line + n, 1, 0) == 1) {
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

static void send_request(struct client *c)
{
	char line[128];
	size_t n = 0;
	const char *p;

	c->sent++;
	for (p = text; *p && n < sizeof(line) / 2; p++) {
		if (*p == '%')
			n += (size_t)snprintf(line + n, 24, "%d", c->nr);
		else if (*p == '#')
			n += (size_t)snprintf(line + n, 24, "%lu", c->sent);
		else
			line[n++] = *p;
	}
	line[n++] = '\n';
	/* If it fails there may still be an answer to read. */
	send(c->fd, line, n, MSG_NOSIGNAL);
}

static enum outcome read_answer(struct client *c)
{
	enum outcome outcome = LOST;
	char line[256];

	if (read_line(c->fd, line, sizeof(line)))
		outcome = strncmp(line, "503", 3) ? ANSWERED : REFUSED;
	pthread_mutex_lock(&lock);
	count[outcome]++;
	if (outcome == ANSWERED)
		c->answers++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return outcome;
}

static bool client_goes_on(struct client *c)
{
	bool on;

	pthread_mutex_lock(&lock);
	on = !finish && !away && !(signalled && c->more >= 0 && c->more-- == 0);
	pthread_mutex_unlock(&lock);
	return on;
}

static void *client_run(void *client)
{
	enum outcome outcome = ANSWERED;
	struct client *c = client;

	while (client_goes_on(c)) {
		c->fd = connect_server();
		if (c->fd < 0)
			break;
		do {
			send_request(c);
			outcome = read_answer(c);
		} while (outcome == ANSWERED && client_goes_on(c));
		close(c->fd);
		if (!restarted || outcome != REFUSED)
			break;
	}
	pthread_mutex_lock(&lock);
	if (c->fd < 0)
		unreachable++;
	ended++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void *idle_run(void *client)
{
	struct client *c = client;
	char line[256];

	c->fd = connect_server();
	if (c->fd < 0)
		die("connect");
	while (recv(c->fd, line, sizeof(line), 0) > 0)
		;
	close(c->fd);
	return NULL;
}

/* Asks as long as the server is ready. */
static void *balancer_run(void *client)
{
	struct client *c = client;
	char line[256];

	c->fd = connect_server();
	if (c->fd < 0)
		die("connect");
	do {
		send(c->fd, "health\n", 7, MSG_NOSIGNAL);
	} while (read_line(c->fd, line, sizeof(line)) && !strcmp(line, "ready"));
	close(c->fd);
	pthread_mutex_lock(&lock);
	away = true;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void start_thread(struct client *c, int nr, void *(*fn)(void *client))
{
	c->nr = nr;
	c->more = more;
	if (pthread_create(&c->thread, NULL, fn, c))
		die("pthread_create");
}

/* Whose listening socket is kept by this process would not be missed by the clients. */
static void check_alive(pid_t pid)
{
	siginfo_t info = { 0 };

	if (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid)
		return;
	fprintf(stderr, "load: the server has ended too early\n");
	exit(2);
}

/* Until each client has WARM answers, or none is left. */
static void wait_for_answers(pid_t pid)
{
	struct timespec until;
	int i = 0;

	pthread_mutex_lock(&lock);
	while (i < nclients && ended < nclients) {
		if (clients[i].answers >= WARM) {
			i++;
			continue;
		}
		check_alive(pid);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&changed, &lock, &until);
	}
	for (i = 0; i < nclients; i++)
		clients[i].answers = 0;
	pthread_mutex_unlock(&lock);
}

/* Listens on a free port; what is not kept gives its number alone. */
static int free_port(bool keep)
{
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = 0;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || (keep && listen(fd, 128)) ||
	    getsockname(fd, (struct sockaddr *)&address, &size))
		die("listen");
	if (keep)
		return fd;
	close(fd);
	return -1;
}

static pid_t start(char **argv, int listener)
{
	char port[16], pid[16];
	pid_t child = fork();
	int i;

	if (child)
		return child < 0 ? (die("fork"), child) : child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (listener >= 0) {
		snprintf(pid, sizeof(pid), "%d", getpid());
		if (setenv("LISTEN_PID", pid, 1) || setenv("LISTEN_FDS", "1", 1) ||
		    dup2(listener, 3) < 0 || fcntl(3, F_SETFD, 0))
			die("dup2");
	}
	snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
	for (i = 1; argv[i]; i++)
		if (!strcmp(argv[i], "PORT"))
			argv[i] = port;
	execv(argv[0], argv);
	die(argv[0]);
	return -1;
}

/* Until it accepts connections. If its port was taken meanwhile, it is started with another. */
static pid_t start_on_port(char **argv)
{
	int fd, tries, status;
	pid_t pid;

	for (tries = 0; tries < 20; tries++) {
		free_port(false);
		pid = start(argv, -1);
		while ((fd = connect_server()) < 0 && !waitpid(pid, &status, WNOHANG))
			usleep(1000);
		if (fd >= 0) {
			close(fd);
			return pid;
		}
	}
	fprintf(stderr, "load: %s ends at once\n", argv[0]);
	exit(2);
}

/* A server may answer before it handles the signal. Where there is no /proc, it had the time. */
static void wait_for_handler(pid_t pid)
{
	char path[64], line[256];
	unsigned long long caught;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	do {
		check_alive(pid);
		caught = ~0ULL;
		status = fopen(path, "r");
		while (status && fgets(line, sizeof(line), status))
			if (sscanf(line, "SigCgt: %llx", &caught) == 1)
				break;
		if (status)
			fclose(status);
	} while (!(caught & 1ULL << (SIGTERM - 1)) && !usleep(1000));
}

/* While nothing of it runs, connections are made and wait for it. */
static void fill_queue(pid_t pid, struct client *waiting)
{
	int i, status;

	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		die("waitpid");
	for (i = 0; i < nwaiting; i++) {
		waiting[i].nr = nclients + i;
		waiting[i].fd = connect_server();
		if (waiting[i].fd < 0)
			die("connect");
		send_request(&waiting[i]);
	}
}

static void stop(pid_t pid, struct client *waiting)
{
	wait_for_handler(pid);
	if (nwaiting)
		fill_queue(pid, waiting);
	pthread_mutex_lock(&lock);
	signalled = true;
	pthread_mutex_unlock(&lock);
	kill(pid, SIGTERM);
	kill(pid, SIGCONT);
}

static void read_waiting(struct client *waiting)
{
	int i;

	for (i = 0; i < nwaiting; i++) {
		read_answer(&waiting[i]);
		close(waiting[i].fd);
	}
}

static int wait_for_exit(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int number(const char *arg)
{
	int n = atoi(arg);

	return n < 0 || n > MAX ? MAX : n;
}

static void wrong_arguments(void)
{
	fprintf(stderr, "usage: load [-n CLIENTS] [-i IDLE] [-q WAITING] [-m MORE] [-t TEXT]\n"
		"            [-l] [-r] PROGRAM [ARGUMENT...]\n");
	exit(2);
}

static char **options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "+n:i:q:m:t:lr")) != -1) {
		switch (opt) {
		case 'n':
			nclients = number(optarg);
			break;
		case 'i':
			nidle = number(optarg);
			break;
		case 'q':
			nwaiting = number(optarg);
			break;
		case 'm':
			more = number(optarg);
			break;
		case 't':
			text = optarg;
			break;
		case 'l':
			balanced = true;
			break;
		case 'r':
			restarted = true;
			break;
		default:
			wrong_arguments();
		}
	}
	if (optind == argc)
		wrong_arguments();
	return argv + optind;
}

int main(int argc, char **argv)
{
	struct client idle[MAX] = { 0 }, waiting[MAX] = { 0 }, balancer = { 0 };
	int i, status = 0, listener = -1;
	pid_t pid;

	argv = options(argc, argv);
	alarm(120);	/* a server that hangs is killed with this process */
	if (restarted)
		listener = free_port(true);
	pid = restarted ? start(argv, listener) : start_on_port(argv);
	for (i = 0; i < nclients; i++)
		start_thread(&clients[i], i, client_run);
	for (i = 0; i < nidle; i++)
		start_thread(&idle[i], i, idle_run);
	if (balanced)
		start_thread(&balancer, 0, balancer_run);
	wait_for_answers(pid);
	stop(pid, waiting);
	if (restarted) {
		status = wait_for_exit(pid);
		pid = start(argv, listener);
	}
	read_waiting(waiting);
	if (restarted) {
		wait_for_answers(pid);
		pthread_mutex_lock(&lock);
		finish = true;
		pthread_mutex_unlock(&lock);
	}
	for (i = 0; i < nclients; i++)
		pthread_join(clients[i].thread, NULL);
	if (restarted) {
		wait_for_handler(pid);
		kill(pid, SIGTERM);
	}
	if (!status)
		status = wait_for_exit(pid);
	else
		kill(pid, SIGKILL);
	for (i = 0; i < nidle; i++)
		pthread_join(idle[i].thread, NULL);
	if (balanced)
		pthread_join(balancer.thread, NULL);
	printf("begun %lu answered %lu refused %lu lost %lu unreachable %lu status %d\n",
	       count[ANSWERED] + count[REFUSED] + count[LOST], count[ANSWERED], count[REFUSED],
	       count[LOST], unreachable, status);
	return 0;
}
