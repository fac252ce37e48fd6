# PMapper 1.1.5 imports these from where Python 3.10 and later no longer have them.
import collections
import collections.abc

collections.Mapping = collections.abc.Mapping
collections.MutableMapping = collections.abc.MutableMapping
