// SPDX-License-Identifier: MIT OR GPL-2.0
//
// The verdict and the brake of Sockmap mode. The verdict decides for each segment that arrives on an armed socket whether the kernel redirects it to
// the peer, the other socket of the session, or passes it to user space. What is allowed to be on its way to the peer is bounded by what the peer's
// TCP has seen acknowledged. Two forms of the same program: `exact` reads that from the peer's own state, `credit` is told by user space. The brake
// bounds what is passed where the kernel does not.
//
// Built by build.sh; loaded by Yarp.Splice, which reads the map definitions, patches the references to maps and to the offsets of kernel
// fields, and needs neither BTF nor a loader library. SockmapSlot.cs mirrors struct direction.
#include <linux/bpf.h>

#define INLINE static inline __attribute__((always_inline))

#define SECTION(name) __attribute__((section(name), used))
#define READ(field) (*(volatile __typeof__(field) *)&(field))

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;

static void *(*map_lookup)(void *map, const void *key) = (void *)BPF_FUNC_map_lookup_elem;
static u64 (*socket_cookie)(void *context) = (void *)BPF_FUNC_get_socket_cookie;
static long (*load_bytes)(const void *skb, u32 offset, void *to, u32 length) = (void *)BPF_FUNC_skb_load_bytes;
static long (*pull_data)(struct __sk_buff *skb, u32 length) = (void *)BPF_FUNC_skb_pull_data;
static long (*adjust_room)(struct __sk_buff *skb, s32 difference, u32 mode, u64 flags) = (void *)BPF_FUNC_skb_adjust_room;
static long (*redirect_hash)(struct __sk_buff *skb, void *map, void *key, u64 flags) = (void *)BPF_FUNC_sk_redirect_hash;
static long (*ring_output)(void *ring, void *data, u64 size, u64 flags) = (void *)BPF_FUNC_ringbuf_output;
static void *(*to_tcp_sock)(void *socket) = (void *)BPF_FUNC_skc_to_tcp_sock;
static long (*release)(void *socket) = (void *)BPF_FUNC_sk_release;

// Offsets in the running kernel's struct tcp_sock: the loader writes them in place of these symbols' addresses.
extern char tcp_sock_snd_una, tcp_sock_write_seq;

// Two directions a session.
#define DIRECTIONS 65536

// Small segments cost the kernel far more than their payload: at most twice this number are on their way in one direction.
#define SEGMENTS 512

// What a segment costs the kernel besides its payload, at least (sk_buff and skb_shared_info).
#define SEGMENT_COST 512

// How much of what was passed counts for what a passed byte costs on average.
#define RECENT (64 << 20)

// How many times more than the most that is to be held small segments may cost, and the brake may let in before it sees what was passed.
#define TOLERANCE 4

// bpf_skb_adjust_room refuses steps above 0xfff bytes. Sixteen of them and the last one are more than a segment of 64 KiB (GRO_LEGACY_MAX_SIZE). No loop:
// where the verifier also follows what a processor may do by guessing (without CAP_PERFMON), it does not find the end of one.
#define TRIM_STEP 4080
#define TRIM_ONCE \
	if (old > TRIM_STEP) { \
		if (pull_data(skb, TRIM_STEP) || adjust_room(skb, -TRIM_STEP, 0, 0)) \
			return -1; \
		old -= TRIM_STEP; \
	}
#define FOUR_TIMES(statement) statement statement statement statement

enum failure {
	TRIM_FAILED = 1, // an overlap could not be removed
	GAP = 2,         // a segment is missing
	OVERFULL = 3,    // far more was passed than the brake lets in
};

struct direction {
	// Written by the verdict. Bytes; positions are modulo 2^32 where they are compared with sequence numbers.
	u64 redirected;
	u64 passed;
	u64 notified;
	u32 next_sequence;
	u32 peer_base;
	u32 epoch;
	u32 segments;
	u32 overlaps;
	u32 failure;
	u16 is_started;
	u16 has_peer_base;
	u32 refused; // by the brake
	u32 recent_cost;
	u32 recent_bytes;

	// Written by user space, on a cache line of its own.
	u64 consumed;
	u64 acknowledged;
	u64 notify_at;
	u64 most_held;
	u32 window;
	u32 owner;
	u64 reserved_user[3];
};

struct map_definition {
	u32 type, key_size, value_size, max_entries, flags;
};

#define MAP(name, ...) struct map_definition name SECTION("maps") = { __VA_ARGS__ }
MAP(peers, BPF_MAP_TYPE_SOCKHASH, sizeof(u64), sizeof(u64), DIRECTIONS, 0);                            // cookie -> the other socket
MAP(armed, BPF_MAP_TYPE_SOCKHASH, sizeof(u64), sizeof(u64), DIRECTIONS, 0);                            // cookie -> itself; has the verdict
MAP(slots, BPF_MAP_TYPE_HASH, sizeof(u64), sizeof(u32), DIRECTIONS, BPF_F_NO_PREALLOC);                // cookie -> index into directions
MAP(directions, BPF_MAP_TYPE_ARRAY, sizeof(u32), sizeof(struct direction), DIRECTIONS, BPF_F_MMAPABLE);
MAP(events, BPF_MAP_TYPE_RINGBUF, 0, 0, 65536, 0);                                                     // one for each event loop: indexes
MAP(rings, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(u32), sizeof(u32), 0, 0);                                // event loop -> its ring
MAP(overruns, BPF_MAP_TYPE_ARRAY, sizeof(u32), sizeof(u64), 0, BPF_F_MMAPABLE);                        // event loop -> events lost

INLINE void notify(struct direction *d, u32 *slot)
{
	u32 owner = d->owner;
	void *ring = map_lookup(&rings, &owner);
	if (!ring || !ring_output(ring, slot, sizeof(*slot), 0))
		return;

	// The ring is full, so its loop has yet to wake; it looks at this counter after it has emptied the ring. If it did so just now, there
	// is room for the event.
	u64 *lost = map_lookup(&overruns, &owner);
	if (lost)
		__sync_fetch_and_add(lost, 1);
	ring_output(ring, slot, sizeof(*slot), 0);
}

// The kernel hands over whole segments, also when they overlap what came before (tcp_read_skb does not look at sequence numbers).
INLINE int trim(struct __sk_buff *skb, u32 old)
{
	FOUR_TIMES(FOUR_TIMES(TRIM_ONCE))
	return old > TRIM_STEP || pull_data(skb, old) || adjust_room(skb, -(s32)old, 0, 0);
}

// What the peer's TCP has seen acknowledged of this direction's bytes, modulo 2^32; false if the peer is gone.
INLINE int read_acknowledged(struct direction *d, u64 *cookie, u32 *acknowledged)
{
	void *peer = map_lookup(&peers, cookie);
	if (!peer)
		return 0;
	char *tcp = to_tcp_sock(peer);
	if (tcp) {
		if (!d->has_peer_base) {
			// The first segment: nothing of this direction has been sent yet.
			d->has_peer_base = 1;
			d->peer_base = *(u32 *)(tcp + (u64)&tcp_sock_write_seq);
		}
		*acknowledged = *(u32 *)(tcp + (u64)&tcp_sock_snd_una) - d->peer_base;
	}
	release(peer);
	return tcp != 0;
}

// Whether the peer may be sent this segment too. Everything goes to user space as long as that has passed bytes to send: order.
INLINE int has_room(struct direction *d, u64 consumed, u32 length, u32 acknowledged)
{
	if (d->passed != consumed)
		return 0;
	u64 sent = d->redirected + consumed;
	if ((s32)(acknowledged - d->epoch) >= 0) {
		d->epoch = sent;
		d->segments = 0;
	}
	return d->segments < SEGMENTS && (s32)((u32)sent + length - acknowledged) <= (s32)READ(d->window);
}

// Whether user space should say soon what has been acknowledged. Once for each notify_at.
INLINE int runs_short(struct direction *d, u64 consumed)
{
	u64 notify_at = READ(d->notify_at);
	if (d->notified == notify_at || (d->redirected + consumed < notify_at && d->segments < SEGMENTS / 2))
		return 0;
	d->notified = notify_at;
	return 1;
}

INLINE void count_cost(struct direction *d, u32 length)
{
	u32 cost = d->recent_cost + length + SEGMENT_COST;
	u32 bytes = d->recent_bytes + length;
	int shift = cost > RECENT;
	d->recent_cost = cost >> shift;
	d->recent_bytes = bytes >> shift;
}

INLINE int relay(struct __sk_buff *skb, const int is_exact)
{
	// A pure FIN: redirecting it would put EPIPE on the peer. User space carries FIN.
	u32 length = skb->len;
	if (!length)
		return SK_DROP;

	u64 cookie = socket_cookie(skb);
	u32 *slot = map_lookup(&slots, &cookie);
	struct direction *d = slot ? map_lookup(&directions, slot) : 0;
	if (!d)
		return SK_PASS; // the kernel had no room for the socket in `armed`, but has set the verdict: user space receives and sends
	if (d->failure)
		return SK_DROP;

	// TCP_SKB_CB: seq and end_seq.
	u32 sequence = skb->cb[0], end = skb->cb[1];
	if (!d->is_started) {
		d->is_started = 1;
		d->next_sequence = sequence;
	}
	s32 old = d->next_sequence - sequence;
	if (old < 0) {
		d->failure = GAP;
		goto failed;
	}
	if (old > 0) {
		d->overlaps++;
		if (trim(skb, (u32)old < length ? (u32)old : length)) {
			d->failure = TRIM_FAILED;
			goto failed;
		}
		length = skb->len;
		// Empty only now: the kernel advances copied_seq by the length of what it drops.
		if (!length)
			return SK_DROP;
	}
	d->next_sequence = end;

	u32 acknowledged = READ(d->acknowledged);
	int is_known = is_exact ? read_acknowledged(d, &cookie, &acknowledged) : 1;
	u64 consumed = READ(d->consumed);
	// Never the helper's own result as the verdict: a miss would drop the segment.
	if (is_known && has_room(d, consumed, length, acknowledged) && redirect_hash(skb, &peers, &cookie, 0) == SK_PASS) {
		d->segments++;
		d->redirected += length;
		if (!is_exact && runs_short(d, consumed))
			notify(d, slot);
		return SK_PASS;
	}

	count_cost(d, length);
	// A full barrier between the addition and the second look at consumed: user space, which stores consumed and then looks at passed,
	// either sees the addition or is told.
	u64 before = __sync_fetch_and_add(&d->passed, length);
	consumed = READ(d->consumed);
	if (before + length - consumed > TOLERANCE * d->most_held) {
		d->failure = OVERFULL;
		goto failed;
	}
	if (before == consumed)
		notify(d, slot);
	return SK_PASS;

failed:
	// User space resets both sides, so what is dropped here is not missed in silence.
	notify(d, slot);
	return SK_DROP;
}

SECTION("verdict/exact") int exact(struct __sk_buff *skb)
{
	return relay(skb, 1);
}

SECTION("verdict/credit") int credit(struct __sk_buff *skb)
{
	return relay(skb, 0);
}

// The brake: a socket filter, which sees each segment from its TCP header on, before TCP does. Passed bytes are put behind what waits to be sent to
// their socket, if anything does (sk_psock_verdict_apply): because the kernel's worker has not run yet, or the send queue is full. There they are
// charged to nobody, so the receive window would stay open. Once more is held than a receive buffer may hold, payload is refused: the sender sends it
// again later, while acknowledgements and RST count as ever.
SECTION("filter/brake") int brake(struct __sk_buff *skb)
{
	u8 header[2]; // its length in words, in the upper half; flags (RFC 9293, section 3.1)
	if (load_bytes(skb, 12, header, sizeof(header)))
		return skb->len;
	u32 header_length = (header[0] >> 4) * 4;
	if (skb->len <= header_length)
		return skb->len;

	u64 cookie = socket_cookie(skb);
	u32 *slot = map_lookup(&slots, &cookie);
	struct direction *d = slot ? map_lookup(&directions, slot) : 0;
	if (!d)
		return skb->len;

	// Less than zero for a moment, where what was passed is read before what of it is consumed.
	s64 held = READ(d->passed) - READ(d->consumed);
	s64 most = READ(d->most_held);
	// Small segments cost far more than their payload.
	if (held <= most && (held <= 0 || held * READ(d->recent_cost) <= TOLERANCE * most * READ(d->recent_bytes)))
		return skb->len;
	__sync_fetch_and_add(&d->refused, 1);
	// Without its payload a FIN would seem to follow at once.
	return header[1] & 1 ? 0 : header_length;
}

// The kernel lets only GPL-compatible programs read its structures.
char license_text[] SECTION("license") = "Dual MIT/GPL";
