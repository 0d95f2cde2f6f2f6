"""The way to the API server: where it is, and by what credentials."""

from dataclasses import dataclass

from kubernetes.aio import client, config


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The way to the API server, and where it is written.

    Attributes:
        configuration: Connection settings.
        kubeconfig: File that they are read from; None means the pod's own ServiceAccount.
    """

    configuration: client.Configuration
    kubeconfig: str | None

    async def read(self) -> None:
        """Read them, or read them again: credentials are changed in place.

        Raises:
            kubernetes.aio.config.ConfigException: There is no such file, and no ServiceAccount.
            OSError: The file cannot be read.
        """
        if self.kubeconfig is None:
            config.load_incluster_config(client_configuration=self.configuration)
        else:
            await config.load_kube_config(config_file=self.kubeconfig, client_configuration=self.configuration)


async def load_login(kubeconfig: str | None) -> Login:
    """The way that the given kubeconfig file tells, else that of the pod's own ServiceAccount.

    Raises:
        kubernetes.aio.config.ConfigException: Neither is there.
        OSError: The file cannot be read.
    """
    # Proxies in the environment are meant for the way out of the cluster; a kubeconfig can name one (proxy-url).
    configuration = client.Configuration(client_session_kwargs={"trust_env": False})
    login = Login(configuration=configuration, kubeconfig=kubeconfig)
    await login.read()
    return login
