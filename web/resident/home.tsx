import { day, yuan } from '#web/ui/format.ts'
import type { IconName } from '#web/ui/icons.ts'
import { Layout } from '#web/ui/layout.tsx'
import type { MessageKey } from '#web/ui/messages.ts'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, Icon, Keep, PhoneButton, Section, Tag } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface HomeView {
  /** The most urgent open bill of a bound account, and which account that is: its own name or the masked number. */
  due?: { service: string; account: string; amountFen: number; dueOn: string; isOverdue: boolean; href: string }
  hall: { name: string; hours: string; isOpen: boolean }
  /** Services of this hall that are not online: their doors say so. */
  notOpen: readonly ('services' | 'queue' | 'report')[]
}

const smallDoors: readonly { id: 'services' | 'queue' | 'report' | 'mine'; icon: IconName; title: MessageKey; note: MessageKey }[] = [
  { id: 'services', icon: 'door-do', title: 'home.do', note: 'home.do_note' },
  { id: 'queue', icon: 'door-ticket', title: 'home.ticket', note: 'home.ticket_note' },
  { id: 'report', icon: 'door-say', title: 'home.say', note: 'home.say_note' },
  { id: 'mine', icon: 'door-me', title: 'home.me', note: 'home.me_note' },
]

export function HomePage({ view }: { view: HomeView }) {
  const { ctx, t } = usePage()
  const { due, hall } = view
  return (
    <Layout>
      <h1 class="unseen">{t('home.title')}</h1>
      <nav class="doors" aria-label={t('home.doors')}>
        <div class="door door--main">
          <a href={paths.pay}>
            <Icon name="scan" />
            <span>
              <b>{t('home.pay')}</b>
              <small>{t('home.pay_note')}</small>
            </span>
            <Icon name="next" />
          </a>
          {due && (
            <a class="door__due" href={due.href}>
              <span>
                {due.service} <b class="keep">{t('home.due_amount', { amount: yuan(due.amountFen) })}</b>
                {t('list.comma')}
                <Keep>{due.isOverdue ? t('home.due_late') : t('home.due_by', { due: day(ctx.lang, due.dueOn) })}</Keep>
                <small>
                  <Keep>{due.account}</Keep>
                </small>
              </span>
              <Icon name="next" />
            </a>
          )}
        </div>
        {smallDoors.map(door => (
          <a key={door.id} class="door" href={paths[door.id]}>
            <Icon name={door.icon} />
            <b>{t(door.title)}</b>
            <small>{t(door.id !== 'mine' && view.notOpen.includes(door.id) ? 'home.not_open' : door.note)}</small>
          </a>
        ))}
      </nav>
      <Section title={t('home.hall')}>
        <Card kind="stack">
          <p class="spread">
            <b>{hall.name}</b>
            <Tag tone={hall.isOpen ? 'ok' : undefined}>{t(hall.isOpen ? 'home.hall_open' : 'home.hall_closed')}</Tag>
          </p>
          <p class="t-2">{hall.hours}</p>
          <PhoneButton />
        </Card>
      </Section>
    </Layout>
  )
}

export const homePage = (ctx: PageContext, view: HomeView): string =>
  renderPage(ctx, <HomePage view={view} />, { title: ctx.tenantName || t(ctx.lang)('home.title') })
