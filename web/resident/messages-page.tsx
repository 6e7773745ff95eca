import { dateTime } from '#web/ui/format.ts'
import { PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Banner, Button, Card, Empty, Section } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export const SWITCHED_TOPICS = ['bills', 'payments'] as const
export const SWITCHED_CHANNELS = ['sms', 'wechat'] as const
export type SwitchedTopic = (typeof SWITCHED_TOPICS)[number]
export type SwitchedChannel = (typeof SWITCHED_CHANNELS)[number]

export interface MessagesView {
  messages: readonly { id: string; text: string; at: Date }[]
  wanted: readonly { topic: SwitchedTopic; channel: SwitchedChannel; isOn: boolean }[]
  isSaved?: boolean
}

/** Everything that was said to the signed-in resident, and what they want to be told outside the application. */
export function MessagesPage({ view }: { view: MessagesView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <Heading title={t('messages.title')} lead={t('messages.lead')} />
      <div class="stack">
        {view.isSaved && <Banner tone="ok" title={t('messages.saved')} live />}
        {view.messages.length === 0 ? (
          <Empty title={t('messages.empty')}>
            <p>{t('messages.empty_text')}</p>
          </Empty>
        ) : (
          view.messages.map(m => (
            <Card key={m.id}>
              <p>{m.text}</p>
              <p class="t-3 t-sm">{dateTime(ctx.lang, m.at)}</p>
            </Card>
          ))
        )}
        <Section title={t('messages.wanted')}>
          <p class="t-2">{t('messages.wanted_note')}</p>
          {view.wanted.map(w => (
            <PostForm key={w.topic + w.channel} action={paths.messages} class="switchrow">
              <input type="hidden" name="topic" value={w.topic} />
              <input type="hidden" name="channel" value={w.channel} />
              <input type="hidden" name="on" value={w.isOn ? '' : '1'} />
              <span>
                {t(`messages.topic_${w.topic}`)} · {t(`messages.by_${w.channel}`)}
              </span>
              <Button kind="secondary">
                {t(w.isOn ? 'messages.switch_off' : 'messages.switch_on')}
                <span class="unseen">
                  {t(`messages.topic_${w.topic}`)} {t(`messages.by_${w.channel}`)}
                </span>
              </Button>
            </PostForm>
          ))}
        </Section>
      </div>
    </Layout>
  )
}

export const messagesPage = (ctx: PageContext, view: MessagesView): string =>
  renderPage(ctx, <MessagesPage view={view} />, { title: t(ctx.lang)('messages.title') })
