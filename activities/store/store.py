"""All of the store in one hand."""

from activities.store.attempts import AttemptLedger
from activities.store.cases import Cases
from activities.store.channel_stops import ChannelStops
from activities.store.checkouts import Checkouts
from activities.store.customers import Customers
from activities.store.database import Pool
from activities.store.dead_letters import DeadLetters
from activities.store.declines import Declines
from activities.store.feed import Feed
from activities.store.gateway_health import GatewayHealthStore
from activities.store.history import History
from activities.store.inbox import Inbox
from activities.store.messages import ContactLedger
from activities.store.page_access import PageCodes, PageTries
from activities.store.pay_links import PayLinks
from activities.store.push_devices import Devices
from activities.store.refusals import Refusals
from activities.store.sources import Sources


class Store:
    """`address_key`: of the hashes that stand for addresses."""

    def __init__(self, pool: Pool, address_key: str = "") -> None:
        self.pool = pool
        self.channel_stops = ChannelStops(pool, address_key)
        self.inbox = Inbox(pool)
        self.cases = Cases(pool)
        self.customers = Customers(pool)
        self.attempts = AttemptLedger(pool)
        self.messages = ContactLedger(pool)
        self.history = History(pool)
        self.sources = Sources(pool)
        self.dead_letters = DeadLetters(pool)
        self.refusals = Refusals(pool)
        self.declines = Declines(pool)
        self.push_devices = Devices(pool)
        self.feed = Feed(pool)
        self.gateway_health = GatewayHealthStore(pool)
        self.pay_links = PayLinks(pool)
        self.page_codes = PageCodes(pool)
        self.page_tries = PageTries(pool)
        self.checkouts = Checkouts(pool)
