import type { Lang } from '#web/ui/format.ts'
import { Choices, fieldNames, Hidden, PostForm } from '#web/ui/forms.tsx'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { type MessageKey, t } from '#web/ui/messages.ts'
import { type ElderSize, type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Button, PhoneButton, Section } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

type Topic = { title: MessageKey; texts: readonly MessageKey[] }

const helpTopics: readonly Topic[] = [
  { title: 'help.pay_title', texts: ['help.pay_text'] },
  { title: 'help.wrong_title', texts: ['help.wrong_text'] },
  { title: 'help.cash_title', texts: ['help.cash_text'] },
  { title: 'help.proof_title', texts: ['help.proof_text'] },
  { title: 'help.data_title', texts: ['help.data_text'] },
  { title: 'help.elder_title', texts: ['help.elder_text'] },
]

const accessibilityTopics: readonly Topic[] = [
  { title: 'a11y.standard_title', texts: ['a11y.standard_text', 'a11y.elder_text', 'a11y.keyboard_text'] },
  { title: 'a11y.limits_title', texts: ['a11y.limits_text'] },
  { title: 'a11y.contact_title', texts: ['a11y.contact_text'] },
]

function TopicsPage({ title, lead, topics }: { title: MessageKey; lead: MessageKey; topics: readonly Topic[] }) {
  const { t } = usePage()
  return (
    <Layout back={{ href: paths.home, text: t('layout.home') }}>
      <Heading title={t(title)} lead={t(lead)} />
      <PhoneButton />
      {topics.map(topic => (
        <Section key={topic.title} title={t(topic.title)}>
          <div class="stack stack--tight">
            {topic.texts.map(text => (
              <p key={text}>{t(text)}</p>
            ))}
          </div>
        </Section>
      ))}
    </Layout>
  )
}

export const helpPage = (ctx: PageContext): string =>
  renderPage(ctx, <TopicsPage title="help.title" lead="help.lead" topics={helpTopics} />, { title: t(ctx.lang)('help.title') })

export const accessibilityPage = (ctx: PageContext): string =>
  renderPage(ctx, <TopicsPage title="accessibility.title" lead="a11y.lead" topics={accessibilityTopics} />, {
    title: t(ctx.lang)('accessibility.title'),
  })

export interface PrefsView {
  /** Local path to go back to. */
  back: string
}

const sizes: readonly { id: 'standard' | ElderSize; px: number }[] = [
  { id: 'standard', px: 16 },
  { id: 'large', px: 20 },
  { id: 'elder', px: 24 },
  { id: 'max', px: 30 },
]
const languages: readonly { id: Lang; name: string }[] = [
  { id: 'zh-CN', name: '中文' },
  { id: 'en', name: 'English' },
]

/** All four sizes and the language; fields `elder` (standard, large, elder, max), `lang`, `back`. */
export function PrefsPage({ view }: { view: PrefsView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: view.back }} noSwitch>
      <Heading title={t('prefs.title')} lead={t('prefs.lead')} />
      <PostForm action={paths.prefs} class="stack stack--loose">
        <Hidden name={fieldNames.back} value={view.back} />
        <Choices
          name="elder"
          legend={t('prefs.size')}
          choices={sizes.map(s => ({ value: s.id, label: t(`prefs.size_${s.id}`), note: t('prefs.size_note', { px: s.px }) }))}
          chosen={ctx.elder ?? 'standard'}
        />
        <Choices
          name="lang"
          legend={t('prefs.language')}
          choices={languages.map(l => ({ value: l.id, label: l.name }))}
          chosen={ctx.lang}
        />
        <Button wide big>
          {t('prefs.save')}
        </Button>
      </PostForm>
    </Layout>
  )
}

export const prefsPage = (ctx: PageContext, view: PrefsView): string =>
  renderPage(ctx, <PrefsPage view={view} />, { title: t(ctx.lang)('prefs.title') })
