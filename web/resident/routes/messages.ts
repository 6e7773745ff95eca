import type { Server } from '#kernel/http/server.ts'
import { listMessages, listPreferences, setPreference } from '#modules/notify/index.ts'
import { messagesPage, SWITCHED_CHANNELS, SWITCHED_TOPICS } from '../messages-page.tsx'
import { paths } from '../paths.ts'
import type { Pages } from './pages.ts'
import { textsOf } from './views.ts'

/** What was said to a resident, and what they want to be told. */
export function addMessageRoutes(server: Server, pages: Pages): void {
  const signIn = `${paths.signIn}?next=${encodeURIComponent(paths.messages)}`
  server.get(paths.messages, { schema: { hide: true } }, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { resident, ctx } = visit
    if (!resident) return reply.redirect(signIn, 303)
    const messages = await listMessages(ctx, { personId: resident.id })
    if (!messages.ok) return pages.error(visit, reply, messages.error)
    const preferences = await listPreferences(ctx, resident.id)
    if (!preferences.ok) return pages.error(visit, reply, preferences.error)
    const isOff = (topic: string, channel: string) =>
      preferences.value.some(p => p.optedOut && p.channel === channel && (p.topic === topic || p.topic === '*'))
    const wanted = SWITCHED_TOPICS.flatMap(topic => SWITCHED_CHANNELS.map(channel => ({ topic, channel, isOn: !isOff(topic, channel) })))
    return pages.html(
      reply,
      messagesPage(visit.page, { messages: messages.value, wanted, ...(textsOf(request.query).notice === 'saved' && { isSaved: true }) }),
    )
  })
  pages.form(server, paths.messages, {}, async (request, reply) => {
    const visit = await pages.visit(request, reply)
    const { resident, ctx } = visit
    if (!resident) return reply.redirect(signIn, 303)
    const body = textsOf(request.body)
    const topic = SWITCHED_TOPICS.find(known => known === body.topic)
    const channel = SWITCHED_CHANNELS.find(known => known === body.channel)
    if (!topic || !channel) return reply.redirect(paths.messages, 303)
    const saved = await setPreference(ctx, { personId: resident.id, topic, channel, optedOut: body.on !== '1' })
    return saved.ok ? reply.redirect(`${paths.messages}?notice=saved`, 303) : pages.error(visit, reply, saved.error)
  })
}
