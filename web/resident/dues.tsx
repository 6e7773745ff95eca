import { day, yuan } from '#web/ui/format.ts'
import { Heading, Layout } from '#web/ui/layout.tsx'
import { t } from '#web/ui/messages.ts'
import { type PageContext, renderPage, usePage } from '#web/ui/page.tsx'
import { Card, Empty, LinkButton, LinkList, Section } from '#web/ui/parts.tsx'
import { paths } from './paths.ts'

export interface DuesView {
  /** Whose accounts: one's own first, then those of each person cared for. */
  groups: readonly {
    /** Absent for one's own. */
    who?: string
    accounts: readonly {
      name: string
      /** A bank pays it by itself. */
      isDebited: boolean
      bills: readonly { href: string; periodLabel: string; amountFen: number; dueOn: string; isOverdue: boolean; isBeingPaid: boolean }[]
    }[]
  }[]
  count: number
  totalFen: number
}

function Account({ account }: { account: DuesView['groups'][number]['accounts'][number] }) {
  const { ctx, t } = usePage()
  return (
    <div class="stack">
      <h3>{account.name}</h3>
      {account.isDebited && <p class="t-2">{t('dues.debited')}</p>}
      {account.bills.length === 0 ? (
        <p class="t-3">{t('bills.empty')}</p>
      ) : (
        <LinkList
          rows={account.bills.map(b => ({
            href: b.href,
            title: b.periodLabel,
            amount: yuan(b.amountFen),
            note: t('bills.due', { due: day(ctx.lang, b.dueOn) }),
            ...(b.isBeingPaid
              ? { tag: { text: t('dues.being_paid'), tone: 'now' as const } }
              : b.isOverdue
                ? { tag: { text: t('bills.overdue'), tone: 'bad' as const } }
                : {}),
          }))}
        />
      )}
    </div>
  )
}

/** Everything open on the accounts a visitor keeps and on those of the people they care for, on one page. */
export function DuesPage({ view }: { view: DuesView }) {
  const { ctx, t } = usePage()
  return (
    <Layout back={{ href: paths.mine }}>
      <Heading
        title={t('dues.title')}
        lead={view.count > 0 ? t('dues.sum', { n: view.count, amount: yuan(view.totalFen) }) : t('dues.lead')}
      />
      <div class="stack stack--loose">
        {view.groups.length === 0 ? (
          <Empty title={t('dues.none')}>
            <p>{t('dues.none_text')}</p>
            <LinkButton href={paths.householdNew}>{t('dues.add')}</LinkButton>
          </Empty>
        ) : (
          view.groups.map(group => (
            <Section key={group.who ?? ''} title={group.who ? t('dues.of', { who: group.who }) : t('dues.own')}>
              <Card kind="stack">
                {group.accounts.map(account => (
                  <Account key={account.name} account={account} />
                ))}
              </Card>
            </Section>
          ))
        )}
        {!ctx.signedIn && (
          <LinkButton href={`${paths.signIn}?next=${encodeURIComponent(paths.dues)}`} kind="secondary" wide>
            {t('dues.sign_in')}
          </LinkButton>
        )}
      </div>
    </Layout>
  )
}

export const duesPage = (ctx: PageContext, view: DuesView): string =>
  renderPage(ctx, <DuesPage view={view} />, { title: t(ctx.lang)('dues.title') })
