import { PassThrough } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Live } from '../live.ts'
import type { Server } from './server.ts'

/** More open pages than this are told to ask now and then instead. */
const STREAMS_MAX = 2_000
/** Looks again without being told: a change made by another process is not heard here. Also keeps proxies from closing. */
const LOOK_MS = 5_000
/** A page left open longer begins anew. */
const LIFE_MS = 300_000
/** What a reader that does not read may leave lying; beyond it the stream ends. */
const BACKLOG_BYTES_MAX = 16_384

export interface Streams {
  /**
   * Answers with server-sent events (HTML standard, 9.2): what `look` finds now, whenever one of the topics changes, and every
   * 5 s. Undefined sends only a sign of life; `done` ends the stream after what it sends. Refused with 503 when too many are open.
   */
  serve(reply: FastifyReply, topics: readonly string[], look: () => Promise<{ data: unknown; done?: boolean } | undefined>): FastifyReply
}

/** Streams of one server, ended when it stops. */
export function createStreams(server: Server, live: Live, limits = { streams: STREAMS_MAX, lookMs: LOOK_MS, lifeMs: LIFE_MS }): Streams {
  const open = new Set<PassThrough>()
  server.addHook('preClose', async () => {
    for (const stream of open) stream.end()
  })
  return {
    serve(reply, topics, look) {
      if (open.size >= limits.streams) return reply.status(503).header('retry-after', '5').send()
      const stream = new PassThrough()
      open.add(stream)
      let state: 'idle' | 'looking' | 'again' = 'idle'
      const tell = async (): Promise<void> => {
        if (state !== 'idle') {
          state = 'again'
          return
        }
        state = 'looking'
        const found = await look().catch(() => undefined)
        const again = (state as string) === 'again'
        state = 'idle'
        if (stream.writableEnded || stream.destroyed) return
        if (stream.writableLength > BACKLOG_BYTES_MAX) return void stream.destroy()
        stream.write(found ? `data: ${JSON.stringify(found.data)}\n\n` : ':\n\n')
        if (found?.done) stream.end()
        else if (again) void tell()
      }
      const changed = () => void tell()
      const stops = topics.map(topic => live.listen(topic, changed))
      const looking = setInterval(changed, limits.lookMs)
      const ending = setTimeout(() => stream.end(), limits.lifeMs)
      stream.on('close', () => {
        open.delete(stream)
        for (const stop of stops) stop()
        clearInterval(looking)
        clearTimeout(ending)
      })
      changed()
      return reply.type('text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no').send(stream)
    },
  }
}
